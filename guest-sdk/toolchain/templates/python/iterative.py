"""A private linear regression by gradient descent: {{other}} on {{value}}, in a few rounds.

`contribute` sees rows and the state, and adds one gradient. `advance` sees the noised sum of all gradients, never rows,
and takes a step.
"""

from collections.abc import Iterator

from shape import Gradient, Grain
from unseen_guest import Derived, Done, Next, Noisy

ROUNDS = 5
"""Rounds, as `rounds` in job.toml."""
RATE = 0.5
"""How far a step goes."""
X_SCALE, Y_SCALE = {{x_scale}}, {{y_scale}}
"""Make the columns numbers of about one."""


def contribute(grain: Grain, state: list[float]) -> Iterator[Gradient]:
    slope, intercept = state or (0.0, 0.0)
    table = grain.{{id_dataset}}
    pairs = [
        (x / X_SCALE, y / Y_SCALE)
        for x, y in zip(table.{{id_value}}, table.{{id_other}})
        if x is not None and y is not None
    ]
    if pairs:
        errors = [slope * x + intercept - y for x, y in pairs]
        yield Gradient(
            units=1,
            by_slope=sum(error * x for error, (x, _) in zip(errors, pairs)) / len(pairs),
            by_intercept=sum(errors) / len(pairs),
        )


def advance(round: int, state: list[float], noisy: Noisy) -> Next | Done:
    [total] = Gradient.of(noisy)
    slope, intercept = state or (0.0, 0.0)
    units = max(total.units, 1.0)
    slope -= RATE * total.by_slope / units
    intercept -= RATE * total.by_intercept / units
    if round + 1 < ROUNDS:
        return Next([slope, intercept])
    return Done([Derived("model", ["slope", "intercept"], [[slope, intercept]])])
