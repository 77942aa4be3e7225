"""Quartiles of age by income. A quartile is not a sum, so it is taken in each of 100 blocks of people, and the blocks'
answers are averaged."""

from collections.abc import Iterator

from shape import Grain, Quartiles
from unseen_guest.vector import groups, quantile

MIDDLE = 40
"""Quartiles are given as years over this age: the nearer to 0, the less noise they need."""


def contribute(block: Grain, state: list[float]) -> Iterator[Quartiles]:
    people = block.adult
    for income, ages in groups(people.income, people.age).items():
        for share in (25, 50, 75):
            yield Quartiles(income=income, share=share, years_over_40=quantile(ages, share / 100) - MIDDLE)
