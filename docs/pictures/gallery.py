"""Draws gallery/NAME.svg, a picture of each release: `python3 gallery.py DIR [NAME...]`, where DIR is the folder that
`GALLERY_DIR=DIR demo/gallery.sh` has filled. Standard library alone; the same release gives the same bytes.

What is drawn is what was released: a dot is a number, the line through it its 95 % interval (what a job computes at the
end of several rounds has none). Keys are as the data has them; what a picture shows stands beside it in the gallery, in
both languages."""

import csv
import sys
from pathlib import Path
from xml.sax.saxutils import escape

SECTORS = ["装备制造", "电子电气", "新材料", "新能源", "纺织服装", "生物医药"]
KINDS = ["processors", "exporters", "innovators", "leaders"]
# Table, kind of number, numbers, the column along the axis, the column of colours, and names for rows without keys.
# `value` as a column is the number's own name.
PICTURES = {
    "land-yield": ("yields", "ratio", ["output_per_mu"], "industry", "town", None),
    "economy-trend": ("trend", "ratio", ["output_growth"], "month", "sector", None),
    "industry-map": ("sectors", "job", KINDS, "row", "value", SECTORS),
    "policy-reach": ("reach", "ratio", ["share"], "policy", "size", None),
    "project-cohorts": ("cohorts", "ratio", ["survival"], "cohort", None, None),
    "late-filing": ("model", "job", ["ln_staff", "missed", "agent"], "value", None, None),
    "safety-alarms": ("tail", "total", ["units"], "alarms", None, None),
    "park-energy": ("load", "total", ["kwh"], "hour", "days", None),
    "field-sensors": ("anomalies", "ratio", ["dry_share", "wet_share"], "crop", "value", None),
    "job-seekers": ("seekers", "total", ["units"], "skill", "certificate", None),
    "hospital-visits": ("waits", "ratio", ["mean_wait"], "hospital", "department", None),
    "elderly-alone": ("bands", "total", ["units"], "town", "band", None),
    "school-run": ("hours", "ratio", ["danger"], "slot", "area", None),
    "muck-trucks": ("hours", "ratio", ["mean_speed"], "hour", None, None),
    "street-events": ("closing", "total", ["rows"], "within", "kind", None),
    "water-use": ("hours", "total", ["litres"], "hour", None, None),
    "air-limits": ("means", "ratio", ["above_share"], "pollutant", "station", None),
    "house-safety": ("by-age", "total", ["units"], "age", "class", None),
    "courier-cover": ("cover", "total", ["units"], "scheme", "band", None),
}
COLOURS = ["#1f5fa8", "#c8641f", "#2d8a5b", "#8a4fb0", "#b0324a", "#5c5c5c"]
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 760, 260, 58, 8, 30, 26


def main(folder, names):
    for name in names or PICTURES:
        release = Path(folder, name, "release.csv")
        if release.exists():
            drawn = draw(name, points(release, *PICTURES[name]))
            Path(__file__).with_name("gallery").joinpath(name).with_suffix(".svg").write_text(drawn, encoding="utf-8")
        else:
            print(f"{name}: {release} is not there", file=sys.stderr)


def points(release, table, kind, values, axis, colour, labels):
    """Dictionaries `colour -> along the axis -> (number, low, high)`, in the order of the release."""
    found = {}
    with release.open(encoding="utf-8-sig", newline="") as file:
        for row in csv.DictReader(file):
            if (row["table"], row["kind"]) != (table, kind) or row["value"] not in values or not row["number"]:
                continue
            place = labels[int(row["row"])] if labels else row.get(f"key.{axis}", row.get(axis))
            of = "" if colour is None else row.get(f"key.{colour}", row.get(colour))
            number = float(row["number"])
            found.setdefault(of, {})[place] = (number, float(row["low"] or number), float(row["high"] or number))
    if not found:
        sys.exit(f"{release}: no {kind} {values} of {table}")
    return found


def draw(name, series):
    places = list(dict.fromkeys(place for one in series.values() for place in one))
    drawn = [of for one in series.values() for of in one.values()]
    # An interval that is wider than its number is large may leave the picture.
    ends = [end for number, low, high in drawn if high - low < abs(number) for end in (low, high)]
    numbers = [number for number, _, _ in drawn]
    least, most = min(ends + numbers), max(ends + numbers)
    least = 0 if 0 < min(numbers) < 0.6 * max(numbers) else least
    step = ticks(most - least)
    bottom, top = step * (least // step), step * -(-most // step)
    wide = (WIDTH - LEFT - RIGHT) / len(places)

    def up(number):
        share = (min(max(number, bottom), top) - bottom) / (top - bottom)
        return round(HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM), 1)

    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="11">',
        f'<title>{name}</title><rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
    ]
    grid = [bottom + step * at for at in range(round((top - bottom) / step) + 1)]
    lines.append(f'<path stroke="#ddd" d="{"".join(f"M{LEFT} {up(at)}H{WIDTH - RIGHT}" for at in grid)}"/>')
    lines += [f'<text x="{LEFT - 6}" y="{up(at) + 4}" text-anchor="end">{shown(at, step)}</text>' for at in grid]
    middle = [round(LEFT + wide * (at + 0.5), 1) for at in range(len(places))]
    lines += [
        f'<text x="{at}" y="{HEIGHT - 8}" text-anchor="middle">{escape(place)}</text>' for at, place in zip(middle, places)
    ]
    ordered = len(places) > 7 and all(place.isdigit() for place in places)
    beside = LEFT
    for order, (label, one) in enumerate(series.items()):
        colour = COLOURS[order % len(COLOURS)]
        shift = 0 if ordered else wide * 0.7 * ((order + 0.5) / len(series) - 0.5)
        at = {place: round(middle[places.index(place)] + shift, 1) for place in one}
        bars = "".join(f"M{at[place]} {up(low)}V{up(high)}" for place, (_, low, high) in one.items() if low < high)
        dots = "".join(f"M{at[place]} {up(number)}h0" for place, (number, _, _) in one.items())
        lines.append(f'<g stroke="{colour}" fill="none">')
        if ordered:
            lines.append(f'<path opacity=".5" d="M{"L".join(f"{at[place]} {up(of[0])}" for place, of in one.items())}"/>')
        if bars:
            lines.append(f'<path stroke-width="2" opacity=".6" d="{bars}"/>')
        lines.append(f'<path stroke-width="6" stroke-linecap="round" d="{dots}"/></g>')
        if label:
            lines.append(f'<text x="{beside + 10}" y="18"><tspan fill="{colour}">● </tspan>{escape(label)}</text>')
            beside += 34 + sum(12 if ord(letter) > 0x2E7F else 6.5 for letter in label)
    return "\n".join([*lines, "</svg>", ""])


def ticks(span):
    """A round distance of four to nine lines."""
    size = 10.0 ** len(str(int(span))) if span >= 1 else 1.0
    while True:
        for step in (size, size / 2, size / 5):
            if span / step >= 4:
                return step
        size /= 10


def shown(number, step):
    places = 0 if step >= 1 else len(f"{step:.10f}".rstrip("0").split(".")[1])
    return f"{number:,.{places}f}"


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
