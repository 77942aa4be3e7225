"""Statistics over columns, for blocks of many rows. numpy has native code and does not run in a job; these keep to
Python's own loops in C, and make no object for a cell that is there already."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import fsum
from typing import Any

from .grain import Column


def mean(cells: Iterable[float]) -> float:
    """The mean of numbers without nulls, such as `column.valid()`; rounded once, at its end.

    Raises `ValueError` when there are none.
    """
    numbers = cells if isinstance(cells, Sequence) else list(cells)
    if not numbers:
        raise ValueError("no cells have no mean")
    return fsum(numbers) / len(numbers)


def quantile(cells: Iterable[float], share: float) -> float:
    """The number below which a share (0 to 1) of them lies, between two neighbours in proportion: 0.5 is the median.

    Raises `ValueError` when there are none, or the share is outside of 0 to 1.
    """
    numbers = sorted(cells)
    if not numbers or not 0 <= share <= 1:
        raise ValueError("a quantile needs cells, and a share from 0 to 1")
    place = share * (len(numbers) - 1)
    low = int(place)
    high = min(low + 1, len(numbers) - 1)
    return numbers[low] + (numbers[high] - numbers[low]) * (place - low)


def groups(keys: Column, cells: Column) -> dict[Any, list[Any]]:
    """The cells of each key, in the order in which keys appear. Rows with a null in either are left out."""
    found: dict[Any, list[Any]] = {}
    for key, cell in zip(keys, cells):
        if key is not None and cell is not None:
            try:
                found[key].append(cell)
            except KeyError:
                found[key] = [cell]
    return found
