"""Rows as a lab writes them, read by the description that says what each column is."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

from . import _toml
from .errors import Lang, UnseenError, told
from .table import Cell, Column, Table

TRUE = {"true", "True", "TRUE", "1", "是"}
MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
#: Lengths of specifiers of chrono's that stand for several.
SHORT = {"%F": "%Y-%m-%d", "%T": "%H:%M:%S", "%R": "%H:%M", "%D": "%m/%d/%y", "%c": "%a %b %e %H:%M:%S %Y"}
#: What each specifier reads.
READS = {
    "Y": r"(?P<Y>[+-]\d+|\d{4})", "y": r"(?P<y>\d\d?)", "m": r"(?P<m>\d\d?)", "d": r"(?P<d>\d\d?)", "e": r" ?(?P<d>\d\d?)",
    "b": r"(?P<b>[A-Za-z]{3})", "h": r"(?P<b>[A-Za-z]{3})", "B": r"(?P<b>[A-Za-z]{3})[a-z]*", "a": "[A-Za-z]{3}",
    "A": "[A-Za-z]+", "j": r"(?P<j>\d{1,3})", "H": r"(?P<H>\d\d?)", "k": r" ?(?P<H>\d\d?)", "I": r"(?P<I>\d\d?)",
    "l": r" ?(?P<I>\d\d?)", "p": "(?P<p>[AaPp][Mm])", "P": "(?P<p>[AaPp][Mm])", "M": r"(?P<M>\d\d?)",
    "S": r"(?P<S>\d\d?)", "f": r"(?P<f>\d+)", "z": r"(?P<z>[+-]\d\d:?\d\d)", "s": r"(?P<s>-?\d+)", "%": "%",
}  # fmt: skip


def read(source: bytes, description: str, lang: Lang) -> Table:
    """The rows of a file that fits a dataset.toml. UnseenError where it does not."""
    about = _toml.loads(description)
    form = about.get("csv", {})
    text = source.decode("gb18030" if form.get("encoding", "utf-8") != "utf-8" else "utf-8-sig")
    records = _records(text, form.get("delimiter", ","))
    head = form.get("skip", 0) + (form.get("header_lines", 1) if form.get("header", True) else 0)
    records = records[head : len(records) - form.get("footer", 0)]
    nulls = form.get("null", [""])
    return Table([_column(column, at, records, nulls, lang) for at, column in enumerate(about["column"])], lang)


def _records(text: str, delimiter: str) -> list[list[str]]:
    # A text may have 1 MiB.
    before = csv.field_size_limit(1 << 21)
    try:
        return list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    finally:
        csv.field_size_limit(before)


def _column(column: Any, at: int, records: list[list[str]], nulls: list[str], lang: Lang) -> Column:
    name, kind, scale = column["name"], column["type"], column.get("scale", 0)
    null = set(column.get("null", nulls))
    try:
        cell = _reader(kind, column.get("format"))
        cells = [None if row[at] in null else cell(row[at]) for row in records]
    except (ValueError, ArithmeticError, LookupError):
        raise UnseenError(
            told(
                lang,
                f"the rows do not fit their description: column {name} is not {kind} throughout",
                f"数据行与描述不符：{name} 列并非全为 {kind}",
            )
        ) from None
    return Column(name, kind, cells, scale)


def _reader(kind: str, form: str | None) -> Callable[[str], Cell]:
    if kind == "date":
        return _excel_day if form == "excel-serial" else _moments(form or "%Y-%m-%d", lambda moment: moment.date())
    if kind == "timestamp":
        return _excel_moment if form == "excel-serial" else _moments(form, lambda moment: moment)
    readers: dict[str, Callable[[str], Cell]] = {
        "int": int, "float": float, "text": str, "decimal": Decimal, "bool": lambda text: text in TRUE,
    }  # fmt: skip
    return readers[kind]


def _excel_day(text: str) -> Cell:
    """A day as Excel counts it; one that Excel cannot count is written as a date."""
    return date.fromisoformat(text) if "-" in text else date(1899, 12, 30) + timedelta(int(text))


def _excel_moment(text: str) -> Cell:
    if "-" in text:
        return datetime.fromisoformat(f"{text}T00:00:00+00:00")
    # To the second: a double holds no more of a day's parts.
    seconds = round(float(text) * 86_400)
    return datetime(1899, 12, 30, tzinfo=timezone.utc) + timedelta(seconds=seconds)


def _moments(form: str | None, take: Callable[[datetime], Cell]) -> Callable[[str], Cell]:
    """A reader of a format of chrono's; of RFC 3339 where there is none."""
    if form is None:
        pattern = re.compile(
            r"(?P<Y>\d+)-(?P<m>\d\d)-(?P<d>\d\d)[T ](?P<H>\d\d):(?P<M>\d\d):(?P<S>\d\d)(?:\.(?P<f>\d+))?(?P<z>Z|[+-]\d\d:\d\d)?"
        )
    else:
        pattern = re.compile(_pattern(form))
    return lambda text: take(_moment(pattern, text))


def _pattern(form: str) -> str:
    for short, whole in SHORT.items():
        form = form.replace(short, whole)
    found, at = "", 0
    # A point, digits or a colon may stand between: `%.f`, `%.3f`, `%3f`, `%:z`; padding too: `%-d`.
    for special in re.finditer(r"%([-_0]?)(\.?\d?|:)([A-Za-z%])", form):
        found += re.escape(form[at : special.start()])
        _, mark, letter = special.groups()
        dotted = letter == "f" and mark.startswith(".")
        found += r"(?:\.(?P<f>\d+))?" if dotted else READS[letter]
        at = special.end()
    return found + re.escape(form[at:])


def _moment(pattern: re.Pattern[str], text: str) -> datetime:
    matched = pattern.fullmatch(text.strip())
    if matched is None:
        raise ValueError(text)
    found = {name: value for name, value in matched.groupdict().items() if value is not None}
    if "s" in found:
        return datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(seconds=int(found["s"]))
    year = int(found["Y"]) if "Y" in found else _century(int(found["y"]))
    month = MONTHS.index(found["b"].lower()) + 1 if "b" in found else int(found.get("m", 1))
    hour = int(found["H"]) if "H" in found else _clock(int(found.get("I", 12)), found.get("p", "am"))
    micros = int(found.get("f", "0")[:6].ljust(6, "0"))
    # A leap second is the last moment of its minute.
    second = min(int(found.get("S", 0)), 59)
    moment = datetime(
        year, month, int(found.get("d", 1)), hour, int(found.get("M", 0)), second, micros, tzinfo=timezone.utc
    )
    if "j" in found:
        moment = moment.replace(month=1, day=1) + timedelta(int(found["j"]) - 1)
    return moment - _offset(found.get("z", "Z"))


def _century(year: int) -> int:
    """As chrono has it: 70 to 99 are of the last century."""
    return year + (1900 if year >= 70 else 2000)


def _clock(hour: int, half: str) -> int:
    return hour % 12 + (12 if half.lower() == "pm" else 0)


def _offset(zone: str) -> timedelta:
    if zone == "Z":
        return timedelta()
    sign = -1 if zone[0] == "-" else 1
    digits = zone[1:].replace(":", "")
    return sign * timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
