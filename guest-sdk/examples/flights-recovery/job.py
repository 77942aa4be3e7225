"""What an aircraft makes up in the air after a late start, and how many places it is flown to."""

from collections.abc import Iterator

from shape import Grain, Reach, Recovery

LATE = 16
"""Minutes from which a departure counts as late."""


def contribute(aircraft: Grain, state: list[float]) -> Iterator[Recovery | Reach]:
    flights = aircraft.flights
    late: dict[str, list[int]] = {}
    for carrier, departure, arrival in zip(flights.carrier, flights.dep_delay, flights.arr_delay):
        if departure is None or arrival is None or departure < LATE:
            continue
        made_up = late.setdefault(carrier, [])
        made_up.append(departure - arrival)
    for carrier, minutes in late.items():
        yield Recovery(carrier=carrier, late=len(minutes), made_up=sum(minutes))
    yield Reach(destinations=named(len(set(flights.dest.valid()))), aircraft=1)


def named(destinations: int) -> str:
    for most, name in [(4, "1-4"), (9, "5-9"), (19, "10-19")]:
        if destinations <= most:
            return name
    return "20+"
