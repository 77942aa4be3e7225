from shape import Grain, Means


def contribute(grain: Grain, state: list[float]):
    flights = grain.flights
    seats = sum(grain.planes.seats.valid())
    for wanted in ("东航", "AA", "b?c"):
        # Python's own sum() of floats is more exact than one addition after another.
        total, count = 0.0, 0
        for carrier, delay in zip(flights.carrier, flights.delay):
            if carrier == wanted and delay is not None:
                total += delay
                count += 1
        if count > 0:
            yield Means(carrier=wanted, sum=total, count=count, seats=seats)
