"""Numbers with their intervals, drawn by matplotlib."""

from __future__ import annotations

from typing import Any

from .errors import Lang
from .table import need

#: Fonts with Chinese signs, as systems have them.
CHINESE = (
    "Noto Sans CJK SC", "Source Han Sans SC", "PingFang SC", "Microsoft YaHei", "SimHei", "Heiti SC",
    "WenQuanYi Zen Hei", "WenQuanYi Micro Hei", "Arial Unicode MS",
)  # fmt: skip
#: How high a bar is, and what else a picture takes, in inches.
BAR, REST = 0.32, 1.4


def bars(
    title: str, axis: str, labels: list[str], numbers: tuple[list[Any], list[Any], list[Any]], ax: Any, lang: Lang
) -> Any:
    """A point with its interval for each label, the first on top."""
    need("matplotlib", lang)
    from matplotlib import font_manager, pyplot
    from matplotlib.text import Text

    if ax is None:
        _, ax = pyplot.subplots(figsize=(7, REST + BAR * len(labels)), layout="constrained")
    known = [(at, *three) for at, three in enumerate(zip(*numbers)) if three[0] is not None]
    places = [at for at, *_ in known]
    middle = [value for _, value, _, _ in known]
    # An interval of a ratio need not lie around its value.
    sides = [[max(v - low, 0) for _, v, low, _ in known], [max(high - v, 0) for _, v, _, high in known]]
    ax.errorbar(middle, places, xerr=sides, fmt="o", capsize=3)
    ax.set_yticks(range(len(labels)), labels=labels)
    ax.set_ylim(len(labels) - 0.5, -0.5)
    ax.set_xlabel(axis)
    ax.set_title(title)
    ax.grid(axis="x", alpha=0.3)
    chinese = next((font for name in CHINESE for font in font_manager.fontManager.ttflist if font.name == name), None)
    for text in ax.findobj(Text):
        if chinese is not None and any("\u2e80" <= sign <= "\uffef" for sign in text.get_text()):
            text.set(fontfamily=chinese.name, fontweight=chinese.weight)
    return ax
