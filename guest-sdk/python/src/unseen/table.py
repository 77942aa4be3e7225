"""A table of typed columns, that becomes a frame of pandas, polars or Arrow."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from html import escape
from typing import Any

from .errors import Lang, UnseenError, plain, told

Cell = int | float | bool | str | date | datetime | Decimal | None

#: How many rows are shown.
SHOWN = 20


@dataclass(frozen=True)
class Column:
    """A column: `type` is int, float, bool, text, date, timestamp (UTC) or decimal, `scale` its digits after the
    point, `cells` one for each row, None where there is no value."""

    name: str
    type: str
    cells: Sequence[Cell]
    scale: int = 0


class Table:
    """Rows under named columns. `table["name"]` is a column's cells; iteration gives rows as tuples."""

    def __init__(self, columns: Sequence[Column], lang: Lang = "en") -> None:
        self._columns = list(columns)
        self._lang = lang

    @property
    def columns(self) -> list[str]:
        """Names of the columns."""
        return [column.name for column in self._columns]

    @property
    def types(self) -> dict[str, str]:
        """Types of the columns, by name."""
        return {column.name: column.type for column in self._columns}

    def __len__(self) -> int:
        return len(self._columns[0].cells) if self._columns else 0

    def __iter__(self) -> Iterator[tuple[Cell, ...]]:
        return zip(*(column.cells for column in self._columns))

    def __getitem__(self, name: str) -> Any:
        for column in self._columns:
            if column.name == name:
                return list(column.cells)
        raise KeyError(name)

    def to_pandas(self) -> Any:
        """A pandas.DataFrame. Ints and bools are nullable (Int64, boolean), texts are texts (string), dates
        datetime64, timestamps datetime64 in UTC, decimals exact objects."""
        pandas = need("pandas", self._lang)
        kinds = {"int": "Int64", "float": "float64", "bool": "boolean", "text": "string", "decimal": "object"}
        # Microseconds hold every year that a description can write; nanoseconds would not.
        kinds |= {"date": "datetime64[s]", "timestamp": "datetime64[us, UTC]"}
        series = [pandas.Series(list(c.cells), dtype=kinds[c.type], name=c.name) for c in self._columns]
        return pandas.concat(series, axis=1) if series else pandas.DataFrame()

    def to_polars(self) -> Any:
        """A polars.DataFrame with Int64, Float64, Boolean, String, Date, Datetime in UTC and Decimal."""
        polars = need("polars", self._lang)
        kinds = {"int": polars.Int64, "float": polars.Float64, "bool": polars.Boolean, "text": polars.String}
        kinds |= {"date": polars.Date, "timestamp": polars.Datetime("us", "UTC")}
        return polars.DataFrame(
            [
                polars.Series(c.name, list(c.cells), kinds.get(c.type) or polars.Decimal(38, c.scale), strict=True)
                for c in self._columns
            ]
        )

    def to_arrow(self) -> Any:
        """A pyarrow.Table with int64, double, bool, string, date32, timestamp in UTC and decimal128."""
        arrow = need("pyarrow", self._lang)
        kinds = {"int": arrow.int64(), "float": arrow.float64(), "bool": arrow.bool_(), "text": arrow.string()}
        kinds |= {"date": arrow.date32(), "timestamp": arrow.timestamp("us", "UTC")}
        arrays = [arrow.array(list(c.cells), kinds.get(c.type) or arrow.decimal128(38, c.scale)) for c in self._columns]
        return arrow.table(arrays, names=self.columns)

    def __repr__(self) -> str:
        rows = [[_shown(cell) for cell in row] for _, row in zip(range(SHOWN), self)]
        return "\n".join([*aligned(self.columns, rows), *self._more()])

    def _repr_html_(self) -> str:
        rows = ([_shown(cell) for cell in row] for _, row in zip(range(SHOWN), self))
        return html_table(self.columns, rows) + "".join(f"<p>{escape(line)}</p>" for line in self._more())

    def _more(self) -> list[str]:
        if len(self) <= SHOWN:
            return []
        return [told(self._lang, f"... of {len(self)} rows", f"……共 {len(self)} 行")]


def need(module: str, lang: Lang) -> Any:
    """An optional package; where it is missing, one sentence says how to get it."""
    try:
        return importlib.import_module(module)
    except ImportError:
        sentence = told(
            lang, f"{module} is not installed: pip install {module}", f"未安装 {module}：请运行 pip install {module}"
        )
        raise UnseenError(sentence) from None


def aligned(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines of a table for a terminal; Chinese characters are two columns wide."""
    lines = [[plain(cell) for cell in line] for line in (header, *rows)]
    widths = [max(_width(line[at]) for line in lines) for at in range(len(header))]
    return ["  ".join(cell + " " * (w - _width(cell)) for cell, w in zip(line, widths)).rstrip() for line in lines]


def html_table(header: Sequence[str], rows: Any) -> str:
    """A table for a notebook. Every cell is escaped: others wrote it."""
    head = "".join(f"<th>{escape(cell)}</th>" for cell in header)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _shown(cell: Cell) -> str:
    if cell is None:
        return ""
    if isinstance(cell, float):
        return f"{cell:.6g}" if abs(cell) < 1e6 else f"{cell:.1f}"
    return str(cell)


def _width(text: str) -> int:
    from unicodedata import combining, east_asian_width

    return sum(0 if combining(sign) else 2 if east_asian_width(sign) in "WF" else 1 for sign in text)
