"""Write a job for an Unseen lab in Python.

A job is a module `job.py` with one function. It gets the rows of one grain (all rows of one enterprise, person or
vehicle, or a whole block of them) and says what the grain adds to which group. The lab clamps, sums over all grains
and adds noise; only that leaves.

    from shape import Ages, Grain              # written by `unseen job build` from job.toml

    def contribute(grain: Grain, state: list[float]):
        for age in grain.people.age.valid():
            yield Ages(decade=age // 10, persons=1)

A job of several rounds has a second function, `advance(round, state, noisy)`, which sees noised totals only and
returns `Next(state)` or `Done([Derived(...)])`.

In the lab each grain runs in a component put back to its first state: nothing is remembered between grains, and there
is no clock, file, network or randomness of the system. An exception makes the grain contribute nothing, and nobody
outside the lab learns of it; `unseen_guest.testing` and `unseen job try` tell.
"""

from .grain import Column, Grain, Table
from .job import Contribution, Derived, Done, Key, Next, Noisy

__all__ = ["Column", "Contribution", "Derived", "Done", "Grain", "Key", "Next", "Noisy", "Table"]
