from math import floor

from shape import Delays, Grain


def contribute(grain: Grain, state: list[float]):
    flights = grain.flights
    for carrier, delay, cancelled in zip(flights.carrier, flights.delay, flights.cancelled):
        if carrier is not None and delay is not None:
            bin = max(-2, min(floor(delay / 15), 9))
            yield Delays(carrier=carrier, bin=bin, flights=1, cancelled=cancelled is True)
