"""Canonical JSON, as the log has it (docs/log-format.md, section 4): one value, one spelling."""

from __future__ import annotations

import json
from typing import Any


def canonical(value: Any, *, as_declared: bool = False) -> bytes:
    """The bytes of `value`; with `as_declared`, members stand in their own order instead of their names'."""
    return _text(value, as_declared).encode()


def strict(text: str | bytes) -> Any:
    """Reads JSON in which no member stands twice. ValueError where it is not that."""
    try:
        return json.loads(text, object_pairs_hook=_once, parse_constant=_no_constant)
    except RecursionError:
        raise ValueError("it is nested too deep") from None


def _text(value: Any, as_declared: bool) -> str:
    if isinstance(value, float):
        return _double(value)
    if isinstance(value, dict):
        names = list(value) if as_declared else sorted(value, key=lambda name: name.encode("utf-16-be"))
        return "{" + ",".join(f"{_quoted(name)}:{_text(value[name], as_declared)}" for name in names) + "}"
    if isinstance(value, list):
        return "[" + ",".join(_text(item, as_declared) for item in value) + "]"
    return json.dumps(value, ensure_ascii=False)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _double(value: float) -> str:
    """The fewest digits that read back: with a point from 1e-5 to below 1e16, else as 1e-6 or 1.25e+16."""
    if value != value or value in (float("inf"), float("-inf")):
        raise ValueError("a number that is not finite has no canonical form")
    text = repr(value)
    if "e" not in text:
        return text
    digits, exponent = text.split("e")
    if int(exponent) == -5:
        sign, bare = ("-", digits[1:]) if digits.startswith("-") else ("", digits)
        return f"{sign}0.0000{bare.replace('.', '')}"
    return f"{digits}e{int(exponent):+d}" if int(exponent) > 0 else f"{digits}e{int(exponent)}"


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a member stands twice")
    return found


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is no JSON")
