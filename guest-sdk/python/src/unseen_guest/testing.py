"""Runs jobs in tests: natively, on rows made up there. No WebAssembly is involved.

    grain = grain_of(Grain, {"enterprises": {"town": ["湖塘镇", None], "land": [20.0, 15.5]}})
    assert contributions(job, grain) == [Sizes(town="湖塘镇", bin=3, count=1)]

Tables and columns go by their names in job.toml, in any order.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from types import ModuleType
from typing import Any, TypeVar

from .grain import EPOCH_DAY, Grain
from .job import Contribution, Key, Noisy

G = TypeVar("G", bound=Grain)
State = Sequence[float]


def grain_of(grain: type[G], tables: Mapping[str, Mapping[str, Sequence[Any]]]) -> G:
    """A grain of `shape.Grain`. Inputs that are left out have no rows. Dates and moments are cells too.

    Raises `ValueError` for tables or columns that job.toml does not have, or columns of different lengths.
    """
    known = {table.NAME: table.COLUMNS for table in grain.INPUTS}
    for name in tables:
        if name not in known:
            raise ValueError(f"job.toml has no input `{name}`, but {list(known)}")
    made = []
    for name, columns in known.items():
        given = tables.get(name, dict.fromkeys(columns, ()))
        if sorted(given) != sorted(columns):
            raise ValueError(f"`{name}` has the columns {list(columns)}, not {list(given)}")
        lengths = {len(cells) for cells in given.values()}
        if len(lengths) > 1:
            raise ValueError(f"the columns of `{name}` have different lengths: {sorted(lengths)}")
        made.append((max(lengths, default=0), [_column(given[column]) for column in columns]))
    return grain(made)


def contributions(job: ModuleType, grain: object, state: State = ()) -> list[Contribution]:
    """What one grain adds, as the lab would get it."""
    said = list(job.contribute(grain, list(state)) or ())
    for item in said:
        item._said()
    return said


def sums(job: ModuleType, grains: Iterable[object], state: State = ()) -> Noisy:
    """What all grains add together, as `advance` would see it without noise, for the groups to which something was
    added. Nothing is clamped and no group is dropped: this shows what the job means to say."""
    totals: dict[str, dict[tuple[Key, ...], list[float]]] = {}
    for grain in grains:
        for item in contributions(job, grain, state):
            keys, values = item._said()
            groups = totals.setdefault(item.NAME, {})
            sum_ = groups.setdefault(tuple(keys), [0.0] * len(values))
            sum_[:] = [total + value for total, value in zip(sum_, values)]
    return Noisy(
        {
            name: [(*keys, *values) for keys, values in sorted(groups.items(), key=str)]
            for name, groups in totals.items()
        }
    )


def _column(cells: Sequence[Any]) -> tuple[list[Any], bytes]:
    empty = next((type(cell)() for cell in cells if isinstance(cell, (bool, int, float, str))), 0)
    values = [empty if cell is None else _cell(cell) for cell in cells]
    has_null = any(cell is None for cell in cells)
    return values, bytes(cell is not None for cell in cells) if has_null else b""


def _cell(cell: Any) -> Any:
    if isinstance(cell, datetime):
        return (cell - datetime(1970, 1, 1)) // timedelta(microseconds=1)
    return cell.toordinal() - EPOCH_DAY if isinstance(cell, date) else cell
