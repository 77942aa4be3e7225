"""A dataset as its description has it, and rows to try things on."""

from __future__ import annotations

from html import escape
from typing import Any

from ._rows import read
from ._transport import DATASET, Transport
from .errors import JSON, Lang, Refused, plain, told
from .table import Table, aligned, html_table

#: What the points of a description are called.
STARS = {
    "described": ("described", "有描述"),
    "bounded": ("bounded", "有界限"),
    "current": ("current", "定期更新"),
    "graded": ("graded", "已分级"),
    "answerable": ("answerable", "有联系人"),
}


class Dataset:
    """A dataset: what is said of it, never its rows.

    `name`, `title`, `about`, `provider`, `steward`, `contact`, `classification`, `sharing` and `update_cycle` are
    texts; `unit` is the privacy unit's column, None for a public reference table, and `domain` the kind of unit.
    """

    def __init__(self, transport: Transport, name: str) -> None:
        self._transport = transport
        self._said: JSON = transport.ask(DATASET, name)
        lang = transport.lang
        self.name: str = self._said["name"]
        self.title: str = in_language(self._said["title"], lang)
        self.about: str = in_language(self._said["about"], lang)
        self.provider: str = self._said["provider"]
        self.steward: str = self._said["steward"]
        self.contact: str | None = self._said["contact"]
        self.classification: str = self._said["classification"]
        self.sharing: str = self._said["sharing"]
        self.update_cycle: str = self._said["updateCycle"]
        unit = self._said["unit"]
        self.unit: str | None = unit and unit["column"]
        self.domain: str | None = unit and unit["domain"]
        #: The text of its dataset.toml.
        self.description: str = self._said["description"]

    @property
    def columns(self) -> list[str]:
        """Names of the columns."""
        return [column["name"] for column in self._said["columns"]]

    def twin(self, rows: int = 1000, seed: int = 1) -> Table:
        """So many made-up rows: they follow the description and depend on no real row. The same seed gives the same.

        Of a public reference table, its rows. Raises Refused where there may not be so many.
        """
        return read(self._transport.twin(self.name, rows, seed), self.description, self._transport.lang)

    def table(self) -> Table:
        """The rows of a public reference table. Raises Refused for a private dataset, whose rows nobody gets."""
        if self.unit is not None:
            raise Refused(
                "client.private",
                told(
                    self._transport.lang,
                    f"the rows of {self.name} are private; twin() gives made-up ones",
                    f"{self.name} 的数据行是私有的；twin() 给出虚构的行",
                ),
            )
        return self.twin(rows=1)

    def __repr__(self) -> str:
        lines = [plain(f"{self.name}: {self.title}"), *(plain(f"  {name}: {value}") for name, value in self._facts())]
        return "\n".join([*lines, *(f"  {line}" for line in aligned(self._header(), self._rows()))])

    def _repr_html_(self) -> str:
        facts = "".join(f"<li>{escape(name)}: {escape(value)}</li>" for name, value in self._facts())
        head = f"<h4>{escape(self.name)}: {escape(self.title)}</h4><p>{escape(self.about)}</p>"
        return f"{head}<ul>{facts}</ul>{html_table(self._header(), self._rows())}"

    def _facts(self) -> list[tuple[str, str]]:
        lang = self._transport.lang
        unit = told(lang, "public table", "公开表") if self.unit is None else f"{self.unit} ({self.domain})"
        held = [told(lang, *STARS.get(s["name"], (s["name"],) * 2)) for s in self._said["stars"] if s["holds"]]
        return [
            (told(lang, "provider", "提供方"), self.provider),
            (told(lang, "privacy unit", "隐私单元"), unit),
            (told(lang, "classification", "数据分级"), self.classification),
            (told(lang, "you can rely on", "可以依靠"), ", ".join(held)),
        ]

    def _header(self) -> list[str]:
        en = ["column", "type", "least", "most", "meaning"]
        return en if self._transport.lang == "en" else ["列", "类型", "最小", "最大", "含义"]

    def _rows(self) -> list[list[str]]:
        def of(column: Any) -> list[str]:
            low, high = column["min"] or "", column["max"] or ""
            return [column["name"], column["type"], low, high, in_language(column["meaning"], self._transport.lang)]

        return [of(column) for column in self._said["columns"]]


def in_language(text: JSON, lang: Lang) -> str:
    """One of two texts; the other where that one is empty."""
    return str(text[lang] or text["en"] or text["zh"])
