"""What can go wrong, each in one sentence: nothing else of this package reaches its users as an error."""

from __future__ import annotations

import os
import re
from typing import Any, Literal

Lang = Literal["en", "zh"]
JSON = dict[str, Any]


class UnseenError(Exception):
    """Whatever went wrong; `sentence` says it."""

    def __init__(self, sentence: str) -> None:
        self.sentence = plain(sentence)
        super().__init__(self.sentence)


class Refused(UnseenError):
    """Somebody said no: the lab, or this package before anything was sent.

    `code` stays and is for programs (docs/error-codes.md); `sentence` is for people, in the language of the
    connection; `where` is the place that is meant, as FILE:LINE:COLUMN, `advice` what to do about it,
    `status` the HTTP status, `underlined` the piece of a question that is meant: its line, and one that marks the
    piece; each None where there is none. `data` is what the sentence speaks of.
    """

    def __init__(
        self, code: str, sentence: str, *, lang: Lang = "en", status: int | None = None, data: JSON | None = None
    ) -> None:
        self.code = code
        self.status = status
        self.data = data or {}
        self.where = _where(self.data)
        piece = self.data.get("underlined")
        self.underlined = "\n".join(map(plain, piece.split("\n"))) if isinstance(piece, str) else None
        if piece:
            sentence = in_python(sentence.removesuffix(f"\n{piece}"))
        self._lang = lang
        advice = ADVICE.get(code)
        self.advice = told(lang, *advice) if advice else None
        super().__init__(sentence)

    def __str__(self) -> str:
        said = self.sentence
        if self.advice is not None:
            said = told(self._lang, f"{said}. {self.advice}", f"{said}。{self.advice}")
        return said if self.underlined is None else f"{said}\n{self.underlined}"


class Unreachable(UnseenError):
    """The lab did not answer. Whether it did what was asked is not known; to ask again is safe."""


class NotVerified(UnseenError):
    """What was checked does not prove what it should."""


def plain(text: str) -> str:
    """A text that moves no cursor: what others wrote is shown, and does nothing."""
    return "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in text)


def passes(error: UnseenError) -> bool:
    """Whether it may be otherwise in a moment: nobody was there, or a lab was busy."""
    return isinstance(error, Unreachable) or (isinstance(error, Refused) and error.code in PASSING)


def told(lang: Lang, en: str, zh: str) -> str:
    """One of two sentences."""
    return zh if lang == "zh" else en


def language() -> Lang:
    """The language of this process, as the program `unseen` finds it."""
    named = next((os.environ[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if os.environ.get(name)), "")
    return "zh" if named.startswith("zh") else "en"


def in_python(sentence: str) -> str:
    """What is said of a question to whoever typed it at a terminal, in words of this package."""
    for typed, here in TYPED:
        sentence = re.sub(typed, here, sentence)
    return sentence


def _where(data: JSON) -> str | None:
    """FILE:LINE:COLUMN, as far as the data of an error has them; a fault in a file has its place inside."""
    inside = data.get("error")
    place = {**data, **inside["data"]} if isinstance(inside, dict) and isinstance(inside.get("data"), dict) else data
    found = (place.get("file", place.get("path")), place.get("line"), place.get("column"))
    return ":".join(str(part) for part in found if part is not None) or None


#: What a lab says that has too much to do right now.
PASSING = ("request.busy", "request.too-many", "request.slow")

#: What is typed at a terminal, and what stands for it here.
TYPED = (
    (r'--bounds "([^"=]+)=([^".]+)\.\.([^"]+)"', r'bounds={"\1": (\2, \3)}'),
    (r"--groups-per-unit", "groups_per_unit"),
    (r"--rows-per-unit", "rows_per_unit"),
    (r"`unseen dataset list`", "lab.datasets()"),
    (r"`unseen twin (\S+) --out DIR`", r'lab.dataset("\1").table()'),
)

#: What to do about a refusal, by its code: in words of this package, where the program has commands.
ADVICE: dict[str, tuple[str, str]] = {
    "request.unknown": ("Give your key: connect(..., key='key.pem')", "请给出密钥：connect(..., key='key.pem')"),
    "request.log-in": (
        "Is this key enrolled, and is this machine's clock right? Its public half is `unseen key show`",
        "此密钥是否已登记？本机时钟是否准确？用 `unseen key show` 查看其公钥",
    ),
    "ledger.not-enrolled": ("Ask an operator to enrol this key", "请由运行管理员登记此密钥"),
    "ledger.wrong-role": ("Ask an operator for the role it takes", "请由运行管理员登记所需角色"),
    "ledger.no-such-dataset": ("lab.datasets() lists what there is", "lab.datasets() 列出现有数据集"),
    "ledger.no-such-job": ("lab.jobs() lists what there is", "lab.jobs() 列出现有作业"),
    "ledger.wrong-state": ("job.state says where it stands", "job.state 给出当前状态"),
    "ledger.not-open": ("Ask the dataset's steward", "请联系该数据集的数据管理员"),
    "ledger.over-job-cap": ("Lower rho in job.toml", "请在 job.toml 中降低 rho"),
    "ledger.other-policy": ("The rules changed: check it, and submit it again", "规则已变：请检查后重新提交"),
    "ledger.other-snapshot": ("The data changed: check it, and submit it again", "数据已变：请检查后重新提交"),
    "ledger.release-now": ('Give the job a time, such as release = "+1h"', '请写明发布时间，例如 release = "+1h"'),
    "lab.no-lab": ("Give the folder that `unseen lab init` made", "请给出 `unseen lab init` 创建的文件夹"),
}
