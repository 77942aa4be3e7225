"""The longest run of late flights, on the same day or the next."""

from datetime import date, timedelta

from shape import Chains, Grain

DAY = timedelta(days=1)


def contribute(grain: Grain, state: list[float]) -> list[Chains]:
    flights = grain.flights
    if len(flights) == 0:
        raise ValueError("a plane without flights")
    longest, length = 0, 0
    before: date | None = None
    for delay, day in zip(flights.delay, flights.day.dates()):
        follows = before is not None and day is not None and timedelta(0) <= day - before <= DAY
        is_late = delay is not None and delay > 15
        length = (length + 1 if follows else 1) if is_late else 0
        longest, before = max(longest, length), day
    return [Chains(length=longest, planes=True)]
