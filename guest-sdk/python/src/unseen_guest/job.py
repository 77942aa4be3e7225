"""What a job says: contributions after each grain, a verdict after each round."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

Key = int | str
"""One coordinate of a group. Truth values are 0 and 1."""

Said = TypeVar("Said", bound="Contribution")


class Contribution:
    """What one grain adds to one group of an output.

    `shape.py` gives each output a class of its own, whose arguments are its group columns and values:
    `Sizes(town="湖塘镇", bin=3, count=1)`. The lab clamps each value to its declared bounds, drops groups outside the
    declared domain and those past `max_groups_per_unit` (the first named stay); what is added to one group several
    times is summed up first.
    """

    __slots__ = ()
    NAME: ClassVar[str]
    """The output's name."""
    PLACE: ClassVar[int]
    """The output's place in job.toml."""
    GROUPS: ClassVar[tuple[str, ...]]
    """Attributes of the group columns, in their order."""
    VALUES: ClassVar[tuple[str, ...]]
    """Attributes of the values, in their order."""

    def _said(self) -> tuple[list[Key], list[float]]:
        """Keys and numbers, in their order, as they go to the lab."""
        keys = [_key(name, getattr(self, name)) for name in self.GROUPS]
        return keys, [_number(name, getattr(self, name)) for name in self.VALUES]

    @classmethod
    def of(cls: type[Said], noisy: Noisy) -> list[Said]:
        """Every group of this output, with its noised totals."""
        return [cls(**dict(zip(cls.GROUPS + cls.VALUES, row))) for row in noisy._rows(cls.NAME)]

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self._said() == other._said()

    def __repr__(self) -> str:
        fields = (f"{name}={getattr(self, name)!r}" for name in self.GROUPS + self.VALUES)
        return f"{type(self).__name__}({', '.join(fields)})"


class Noisy:
    """The noised totals of every output, by its name: one row for each group of its declared domain, in that order,
    of the group's keys and then its totals. `shape.py` reads them as `Sizes.of(noisy)`."""

    __slots__ = ("_outputs",)

    def __init__(self, outputs: dict[str, list[tuple[Any, ...]]]) -> None:
        self._outputs = outputs

    def _rows(self, output: str) -> list[tuple[Any, ...]]:
        return self._outputs.get(output, [])


@dataclass
class Next:
    """Run another round with this state, a list of numbers."""

    state: Sequence[float]


@dataclass
class Derived:
    """A table computed from noised totals: its rows are as wide as `columns`."""

    name: str
    columns: Sequence[str]
    rows: Sequence[Sequence[float]]


@dataclass
class Done:
    """Stop, and publish these tables beside the noised totals."""

    tables: Sequence[Derived] = ()


def _key(name: str, key: object) -> Key:
    if isinstance(key, str):
        return key
    if isinstance(key, int):
        return int(key)
    raise TypeError(f"group column `{name}` takes an int or a str, not {key!r}")


def _number(name: str, value: object) -> float:
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise TypeError(f"value `{name}` takes a number, not {value!r}") from None
    except OverflowError:
        raise OverflowError(f"value `{name}` is larger than any float") from None
