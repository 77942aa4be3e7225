"""How many units have how much {{value}}: a histogram."""

from collections.abc import Iterator

from shape import Grain, Sizes

START, WIDTH = {{start}}, {{width}}
"""Where the first bin begins, and how wide a bin is."""


def contribute(grain: Grain, state: list[float]) -> Iterator[Sizes]:
    """One unit: the mean of its cells falls into one bin."""
    rows = grain.{{id_dataset}}
    cells = list(rows.{{id_value}}.valid())
{{#group}}
    {{id_group}} = next(rows.{{id_group}}.valid(), None)
    if cells and {{id_group}} is not None:
        bin = int((sum(cells) / len(cells) - START) // WIDTH)
        yield Sizes({{id_group}}={{id_group}}, bin=max(0, min(bin, 19)), count=1)
{{/group}}
{{#whole}}
    if cells:
        bin = int((sum(cells) / len(cells) - START) // WIDTH)
        yield Sizes(bin=max(0, min(bin, 19)), count=1)
{{/whole}}
