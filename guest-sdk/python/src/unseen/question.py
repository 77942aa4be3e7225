"""A question in SQL as a job that needs no code: what it will say and how exactly, before anything is charged."""

from __future__ import annotations

import tempfile
from html import escape
from pathlib import Path

from ._project import read_project
from ._signing import Key, Review
from ._transport import Transport, submission
from .errors import JSON, in_python, plain, told
from .job import Check, Job, table_of
from .table import Table


class Question:
    """What the lab made of a question. Nothing was submitted and nothing spent.

    `manifest` is the text of the job's `job.toml`. `bounds` is a Table of what one unit adds to one group at least and
    at most, and `notes` say where that is from. `rho` is the cost (a text, exact), `epsilon` the same at `delta`.
    `errors` is a Table with a row for each number: what it is `supposed` to be, in groups of equal size that are as
    large as descriptions allow, `within` half the width of its 95 % interval, `mostly_noise` whether that is half of
    it or more. `warnings` say what should be known before it is submitted; `check` has the budget, and what a
    submission would be refused with.
    """

    def __init__(self, transport: Transport, said: JSON) -> None:
        self._transport = transport
        self._lang = transport.lang
        self._plan: JSON = said["checked"]["plan"]
        self._expected: list[JSON] = said["expected"]
        self.manifest: str = said["manifest"]
        self.notes: list[str] = [in_python(note) for note in said["notes"]]
        self.check = Check(transport, said["checked"])
        self.rho, self.epsilon, self.delta = self.check.rho, self.check.epsilon, self.check.delta

    @property
    def bounds(self) -> Table:
        values = [value for output in self._plan["outputs"] for value in output["values"]]
        rows = [(value["name"], value["lower"], value["upper"], value["granularity"]) for value in values]
        kinds = {"value": "text", "lower": "float", "upper": "float", "granularity": "float"}
        return table_of(kinds, rows, self._lang)

    @property
    def errors(self) -> Table:
        rows = [(n["name"], n["supposed"], n["halfWidth"], n["mostlyNoise"]) for n in self._expected]
        kinds = {"name": "text", "supposed": "float", "within": "float", "mostly_noise": "bool"}
        return table_of(kinds, rows, self._lang)

    @property
    def warnings(self) -> list[str]:
        said = [told(self._lang, *_noise(n["name"])) for n in self._expected if n["mostlyNoise"]]
        said += [told(self._lang, *_small(n["name"], n["noisy"])) for n in self._expected if n["noisy"]]
        return said if self.check.ok else [*said, self.check.verdict]

    def save(self, folder: str | Path) -> Path:
        """Writes `job.toml` into a folder, for lab.check and lab.submit, or to be changed before. FileExistsError where
        there is one."""
        file = Path(folder).expanduser() / "job.toml"
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("x", encoding="utf-8") as out:
            out.write(self.manifest)
        return file

    def submit(self, key: str | Path | None = None, review: Review | None = None) -> Job:
        """Submits it, signed with your key: that of the connection, or another private key of yours, a PEM file.

        What the lab gives to be signed is signed only if it is this manifest. `review` is called with it, a dict,
        before: where it returns False, nothing is signed and Refused is raised.
        """
        own = Key(key, self._lang) if key is not None else None
        with tempfile.TemporaryDirectory() as folder:
            change = submission(read_project(self.save(folder), self._lang))
            return Job(self._transport, str(self._transport.make(change, review, own)["job"]), own)

    def __repr__(self) -> str:
        lines = [*self.notes, self.check.cost, *self.warnings]
        return "\n".join([*map(plain, lines), repr(self.errors)])

    def _repr_html_(self) -> str:
        notes = "".join(f"<li>{escape(note)}</li>" for note in self.notes)
        warnings = "".join(f"<p><strong>{escape(warning)}</strong></p>" for warning in self.warnings)
        return f"<ul>{notes}</ul><p>{escape(self.check.cost)}</p>{warnings}{self.errors._repr_html_()}"


def _noise(name: str) -> tuple[str, str]:
    return f"`{name}` would be mostly noise", f"`{name}` 大部分会是噪声"


def _small(name: str, groups: list[str]) -> tuple[str, str]:
    return (
        f"`{name}` would be mostly noise in: {', '.join(groups)}",
        f"`{name}` 在以下分组中大部分会是噪声：{'、'.join(groups)}",
    )
