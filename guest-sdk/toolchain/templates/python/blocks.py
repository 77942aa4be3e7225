"""The median of {{value}}. A median is not a sum, so it is taken in each of 100 blocks of units, and the blocks' medians
are averaged: sample and aggregate."""

from collections.abc import Iterator

from shape import Grain, Medians
from unseen_guest.vector import groups, quantile


def contribute(block: Grain, state: list[float]) -> Iterator[Medians]:
    """One block: all rows of about one hundredth of the units."""
    rows = block.{{id_dataset}}
{{#group}}
    for {{id_group}}, cells in groups(rows.{{id_group}}, rows.{{id_value}}).items():
        yield Medians({{id_group}}={{id_group}}, median=quantile(cells, 0.5))
{{/group}}
{{#whole}}
    cells = list(rows.{{id_value}}.valid())
    if cells:
        yield Medians(median=quantile(cells, 0.5))
{{/whole}}
