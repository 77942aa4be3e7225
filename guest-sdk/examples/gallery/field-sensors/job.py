"""Readings outside what the crop wants, and the longest dry spell of a farm."""

from collections.abc import Iterator

from shape import Anomalies, Grain, Spells


def contribute(grain: Grain, state: list[float]) -> Iterator[Anomalies | Spells]:
    rows = grain.soil_readings
    counts: dict[str, list[int]] = {}
    longest: dict[str, int] = {}
    spell = 0
    for crop, moisture, low, high in zip(rows.crop, rows.moisture, rows.low, rows.high):
        counted = counts.setdefault(crop, [0, 0, 0, 0])
        counted[0] += 1
        if moisture is None:
            counted[3] += 1
            continue  # A sensor that is off does not end a spell.
        dry = moisture < low
        counted[1] += dry
        counted[2] += moisture > high
        spell = spell + 1 if dry else 0
        longest[crop] = max(longest.get(crop, 0), spell)
    for crop, (readings, dry, wet, off) in counts.items():
        yield Anomalies(crop=crop, rows=readings, dry=dry, wet=wet, off=off)
    for crop, spell in longest.items():
        yield Spells(crop=crop, longest=named(spell), farms=1)


def named(spell: int) -> str:
    return "4+" if spell >= 4 else "2-3" if spell >= 2 else str(spell)
