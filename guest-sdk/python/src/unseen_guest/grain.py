"""The rows of one grain: a table for each input, with typed columns."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Sequence
from itertools import compress, pairwise
from typing import Any, ClassVar, overload

Cell = Any
"""`int`, `float`, `bool` or `str`; `None` for a null."""

EPOCH_DAY = datetime.date(1970, 1, 1).toordinal()


class Grain:
    """All rows of one grain: a table for each of the manifest's inputs. `shape.py` has one with a property for each."""

    __slots__ = ("_tables",)
    INPUTS: ClassVar[tuple[type[Table], ...]] = ()
    """The tables' classes, in the manifest's order."""

    def __init__(self, tables: Sequence[tuple[int, Sequence[tuple[Sequence[Cell], bytes]]]]) -> None:
        """Of each table the number of rows, and of each column its cells and validity."""
        self._tables = [kind(rows, columns) for kind, (rows, columns) in zip(self.INPUTS, tables)]


class Table:
    """The rows that a grain has in one input; `len(table)` of them, which may be 0.

    `shape.py` gives each input a class of its own, with a property for each column.
    """

    __slots__ = ("_columns", "_rows")
    NAME: ClassVar[str]
    """The dataset."""
    COLUMNS: ClassVar[tuple[str, ...]]
    """The columns' names, in their order."""

    def __init__(self, rows: int, columns: Sequence[tuple[Sequence[Cell], bytes]]) -> None:
        self._rows = rows
        self._columns = [Column(name, *column) for name, column in zip(self.COLUMNS, columns)]

    def __len__(self) -> int:
        return self._rows


class Column(Sequence[Cell]):
    """The cells of one column, one for each row; a null is `None`.

    Numbers are `int` or `float`, truth values `bool`, texts `str`. Dates, timestamps and decimals arrive as `int`:
    `dates()`, `timestamps()` and `decimals(scale)` read them.
    """

    __slots__ = ("_validity", "_values", "name")

    def __init__(self, name: str, values: Sequence[Cell], validity: bytes = b"") -> None:
        """`validity` has one byte for each row, 0 for a null; it is empty where no cell is null."""
        self.name = name
        self._values = values
        self._validity = validity

    def __len__(self) -> int:
        return len(self._values)

    @overload
    def __getitem__(self, row: int) -> Cell: ...
    @overload
    def __getitem__(self, row: slice) -> list[Cell]: ...
    def __getitem__(self, row: int | slice) -> Cell | list[Cell]:
        if isinstance(row, slice):
            return list(self)[row]
        return None if self._validity and not self._validity[row] else self._values[row]

    def __iter__(self) -> Iterator[Cell]:
        if not self._validity:
            return iter(self._values)
        return (value if valid else None for value, valid in zip(self._values, self._validity))

    def valid(self) -> Iterator[Cell]:
        """The cells that are not null."""
        return compress(self._values, self._validity) if self._validity else iter(self._values)

    def values(self) -> Sequence[Cell]:
        """All cells, in which a null is 0, 0.0, False or the empty text."""
        return self._values

    def dates(self) -> list[datetime.date | None]:
        """Calendar days, of a column of dates (days since 1970-01-01)."""
        return [None if days is None else datetime.date.fromordinal(EPOCH_DAY + days) for days in self]

    def timestamps(self) -> list[datetime.datetime | None]:
        """Moments in UTC without a zone, of a column of timestamps (microseconds since 1970-01-01)."""
        epoch, tick = datetime.datetime(1970, 1, 1), datetime.timedelta(microseconds=1)
        return [None if ticks is None else epoch + ticks * tick for ticks in self]

    def decimals(self, scale: int) -> list[float | None]:
        """The numbers of a column of decimals with so many places (which hold the number times ten to the scale)."""
        return [None if steps is None else steps / 10**scale for steps in self]

    def __repr__(self) -> str:
        return f"Column({self.name!r}, {list(self)!r})"


class Texts(Sequence[str]):
    """Texts that lie one after another: text `i` is `data[offsets[i]:offsets[i + 1]]`, decoded when it is read."""

    __slots__ = ("_data", "_offsets")

    def __init__(self, offsets: Sequence[int], data: bytes) -> None:
        self._offsets = offsets
        self._data = data

    def __len__(self) -> int:
        return max(len(self._offsets) - 1, 0)

    @overload
    def __getitem__(self, row: int) -> str: ...
    @overload
    def __getitem__(self, row: slice) -> list[str]: ...
    def __getitem__(self, row: int | slice) -> str | list[str]:
        if isinstance(row, slice):
            return list(self)[row]
        count = len(self)
        if not -count <= row < count:
            raise IndexError(row)
        row %= count
        return self._data[self._offsets[row] : self._offsets[row + 1]].decode()

    def __iter__(self) -> Iterator[str]:
        # Most columns repeat few texts: each is decoded once.
        seen: dict[bytes, str] = {}
        for start, end in pairwise(self._offsets):
            cell = self._data[start:end]
            text = seen.get(cell)
            if text is None:
                text = seen[cell] = cell.decode()
            yield text
