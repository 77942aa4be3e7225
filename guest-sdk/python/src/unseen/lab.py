"""A lab, wherever it is."""

from __future__ import annotations

import os
from collections.abc import Mapping
from decimal import Decimal
from html import escape
from math import isfinite
from pathlib import Path
from typing import Any

from ._api import Api
from ._config import profile as profile_of
from ._config import session
from ._folder import Folder
from ._project import read_project
from ._signing import Key, Review
from ._transport import DATASETS, JOB, JOBS, LAB, Transport, submission
from .dataset import Dataset, in_language
from .errors import JSON, Lang, Refused, language, plain, told
from .job import Check, Job, Jobs, table_of
from .question import Question
from .table import Table


def connect(
    lab: str | Path | None = None,
    *,
    person: str | None = None,
    key: str | Path | None = None,
    cert: str | Path | None = None,
    cert_key: str | Path | None = None,
    ca: str | Path | None = None,
    log: str | None = None,
    profile: str | None = None,
    lang: Lang | None = None,
) -> Lab:
    """Comes to a lab: its address (https://...), or its folder on this machine.

    `key` is your private key, a PEM file: it logs you in and signs what you submit, and never leaves this process.
    `person` is your name as the lab has it: a key of somebody else is refused. `cert` and `cert_key` are your
    certificate, `ca` the authority of the lab's, `log` the name of its log: nothing is signed for another one.

    What is left out is taken from UNSEEN_LAB, UNSEEN_KEY, UNSEEN_PROFILE, and the file of the program `unseen`
    (`profile` names a profile in it); a session of `unseen login` counts where there is no key.

    Raises Refused for a wrong address, key or name, Unreachable where no lab answers.
    """
    lang = lang or language()
    lab = lab if lab is not None else os.environ.get("UNSEEN_LAB") or None
    kept = profile_of(profile, lab is not None, lang)
    place = str(lab if lab is not None else kept.lab or "")
    if not place:
        raise Refused(
            "client.no-lab",
            told(
                lang,
                "no lab is named: give its folder or address, or set UNSEEN_LAB",
                "没有指定实验室：请给出文件夹或地址，或设置 UNSEEN_LAB",
            ),
        )
    file = key or os.environ.get("UNSEEN_KEY") or kept.key
    own = Key(file, lang) if file else None
    log = log or kept.log
    transport: Transport
    if "://" in place:
        left = None if own else session(place, kept.name)
        mine, its_key, authority = cert or kept.cert, cert_key or kept.cert_key, ca or kept.ca
        certificate = (Path(mine), Path(its_key)) if mine and its_key else None
        token = left["token"] if left else None
        ca_file = Path(authority) if authority else None
        transport = Api(place, key=own, certificate=certificate, authority=ca_file, token=token, log=log, lang=lang)
        transport.person = transport.person or (str(left["name"]) if left else None)
    else:
        transport = Folder(Path(place).expanduser(), key=own, log=log, lang=lang)
    if person is not None and transport.person not in (None, person):
        raise Refused(
            "client.other-person",
            told(
                lang,
                f"this key is {transport.person}'s, and not {person}'s",
                f"此密钥属于{transport.person}，而不是{person}",
            ),
        )
    return Lab(transport)


class Lab:
    """A lab that one has come to: `origin` is the name of its log, `person` who one is there, None if unknown."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self.origin = transport.log
        self.person = transport.person

    @property
    def log_vkey(self) -> str:
        """The log's verifier key, as the lab gives it. Keep it: later you know it from elsewhere than the lab."""
        return str(self._transport.ask(LAB)["logKey"])

    @property
    def service_key(self) -> str:
        """The lab's own key, with which it signs releases, as the lab gives it: 64 hex digits. Keep it too."""
        return str(self._transport.ask(LAB)["serviceKey"])

    def datasets(self) -> Table:
        """The datasets that are open to you: name, title, domain of the privacy unit (None of a public table),
        classification, and how many of five points one can rely on."""
        rows = [
            (d["name"], in_language(d["title"], self._transport.lang), d["domain"], d["classification"], d["stars"])
            for d in self._transport.ask(DATASETS)["datasets"]
        ]
        kinds = {"name": "text", "title": "text", "domain": "text", "classification": "text", "stars": "int"}
        return table_of(kinds, rows, self._transport.lang)

    def dataset(self, name: str) -> Dataset:
        """A dataset's description. Raises Refused where there is none of that name."""
        return Dataset(self._transport, name)

    def check(self, job: str | Path) -> Check:
        """What a job's folder, or job.toml, would cost. Nothing is submitted. Raises Refused where it is no job."""
        return Check(self._transport, self._transport.check(read_project(job, self._transport.lang)))

    def submit(self, job: str | Path, review: Review | None = None) -> Job:
        """Submits a job's folder, or job.toml, signed with your key.

        What the lab gives to be signed is signed only if it says what you wished. `review` is called with it, a dict,
        before: where it returns False, nothing is signed and Refused is raised.
        """
        change = submission(read_project(job, self._transport.lang))
        return Job(self._transport, str(self._transport.make(change, review)["job"]))

    def ask(
        self,
        sql: str,
        *,
        error: str | float | None = None,
        rho: str | float | Decimal | None = None,
        bounds: Mapping[str, tuple[float, float]] | None = None,
        groups_per_unit: int | None = None,
        rows_per_unit: int | None = None,
        title: str | None = None,
        purpose: str | None = None,
        release: str | None = None,
    ) -> Question:
        """What a question in SQL becomes: a job that needs no code. Nothing is submitted; `.submit()` does that.

        `error` is how exact each number shall be (95 %), such as "5 %", 20 or "5 % of mean for 湖塘镇", and takes the
        smallest budget that keeps it; `rho` is what it may cost instead. `bounds` is what one unit adds to one group,
        by the name of a value, where the description's are too wide; `rows_per_unit` and `groups_per_unit` how many
        rows a unit has in a group, and in how many groups it is, at most. `title` and `purpose` are for whoever
        approves it, the question itself where nothing is said; `release` is when the result is wanted, "+2h" after
        the start of the run if nothing is said.

        Raises Refused for what is not answered: `underlined` shows the piece of the question.
        """
        lang = self._transport.lang
        if (error is None) == (rho is None):
            raise Refused("ask.price", told(lang, *PRICE), lang=lang)
        fields = {
            "sql": sql,
            "error": _number(error),
            "rho": _number(rho),
            "bounds": {name: _ends(name, ends, lang) for name, ends in (bounds or {}).items()},
            "groupsPerUnit": groups_per_unit,
            "rowsPerUnit": rows_per_unit,
            "title": title,
            "purpose": purpose,
            "release": release,
        }
        said = {name: value for name, value in fields.items() if value is not None}
        return Question(self._transport, self._transport.question(said))

    def job(self, job: str) -> Job:
        """A job by its number, such as j12. Raises Refused where there is none."""
        self._transport.ask(JOB, job)
        return Job(self._transport, job)

    def jobs(self, *, state: str | None = None, author: str | None = None, dataset: str | None = None) -> Jobs:
        """Jobs that you may see, oldest first; only those in a state, by a person, or of a dataset."""
        only = {"state": state, "author": author, "dataset": dataset}
        wanted = {name: value for name, value in only.items() if value is not None}
        found: list[JSON] = []
        while True:
            answer = self._transport.ask(JOBS, **wanted)
            found = answer["jobs"] + found
            if not answer.get("next"):
                return Jobs(self._transport, found)
            wanted["before"] = answer["next"]

    def close(self) -> None:
        """Lets go of the connection."""
        self._transport.close()

    def __enter__(self) -> Lab:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        who = told(self._transport.lang, f", as {self.person}", f"，身份为{self.person}") if self.person else ""
        return plain(told(self._transport.lang, f"lab {self.origin}{who}", f"实验室 {self.origin}{who}"))

    def _repr_html_(self) -> str:
        return f"<p>{escape(repr(self))}</p>"


def _ends(name: str, ends: Any, lang: Lang) -> tuple[float, float]:
    """Bounds, as numbers that can be written."""
    try:
        low, high = (float(end) for end in ends)
        fine = isfinite(low) and isfinite(high)
    except (TypeError, ValueError):
        low, high, fine = 0.0, 0.0, False
    if not fine:
        sentence = told(
            lang,
            f"the bounds of `{name}` are two numbers, such as (0, 500)",
            f"`{name}` 的范围应为两个数，例如 (0, 500)",
        )
        raise Refused("client.bounds", sentence, lang=lang)
    return low, high


PRICE = (
    'say how exact each number shall be, as in error="5 %", or what it may cost, as in rho=0.05: one of the two',
    '请说明每个数字要多准（如 error="5 %"）或可以花费多少（如 rho=0.05）：二者取一',
)


def _number(number: str | float | Decimal | None) -> str | None:
    """A number as it is written without an exponent; what is text stays as it is."""
    if number is None or isinstance(number, str):
        return number
    exact = number if isinstance(number, Decimal) else Decimal(repr(number))
    return f"{exact:f}"
