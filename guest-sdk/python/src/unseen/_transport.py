"""How a lab is asked. A served lab (`_api`) and a lab's folder (`_folder`) answer alike; nobody else knows which."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from ._project import Project
from ._signing import Key, Review, Wish, digest_of
from .errors import JSON, Lang, Refused, told


@dataclass(frozen=True)
class Question:
    """What is asked: an address of the API, and the words of the program `unseen`. `{name}` may stand in both."""

    path: str
    words: tuple[str, ...]


LAB = Question("/v1/lab", ("lab", "show"))
PEOPLE = Question("/v1/people", ("person", "list"))
DATASETS = Question("/v1/datasets", ("dataset", "list"))
DATASET = Question("/v1/datasets/{name}", ("dataset", "show"))
JOBS = Question("/v1/jobs", ("job", "list"))
JOB = Question("/v1/jobs/{name}", ("job", "show"))
WITNESSES = Question("/v1/witnesses", ("log", "witness", "--list"))
PROOF = Question("/v1/log/{name}/proof", ("log", "prove"))


@dataclass(frozen=True)
class Change:
    """A change that its author signs: where it is posted, what is posted, and what must be signed."""

    path: str
    words: tuple[str, ...]
    wish: Wish
    #: What stands for `{job}` in the path.
    job: str = ""
    fields: JSON = field(default_factory=dict)
    #: What the fields name by digest.
    blobs: tuple[bytes, ...] = ()
    #: Whether the lab publishes a result for whoever signs it.
    publishes: bool = False


def submission(project: Project) -> Change:
    """A job for approval."""
    module = project.module_or_refuse()
    fields = {"name": project.name, "manifest": project.manifest, "module": digest_of(module)}
    said = {"manifest": digest_of(project.manifest), "module": digest_of(module)}
    more = ("title", "datasets", "policy", "rho", "pureEpsilon", "release", "need")
    wish = Wish("urn:unseen:Submission/v1", said, more)
    return Change("/v1/jobs", ("job", "submit", str(project.file)), wish, fields=fields, blobs=(module,))


def withdrawal(job: str, reason: str) -> Change:
    """One's own job taken back."""
    wish = Wish("urn:unseen:Withdrawal/v1", {"job": number(job), "reason": reason})
    words = ("job", "withdraw", f"--reason={reason}", job)
    return Change("/v1/jobs/{job}/withdrawals", words, wish, job, {"reason": reason})


def reading(job: str) -> Change:
    """A release opened, which is put on record."""
    wish = Wish("urn:unseen:Reading/v1", {"job": number(job)}, ("release",))
    return Change("/v1/jobs/{job}/release", ("job", "release", job), wish, job, publishes=True)


def number(job: str) -> int:
    """The entry that a job's number names."""
    return int(job.removeprefix("j"))


def expected(log: str | None, found: str, place: str, lang: Lang) -> str:
    """The name of the log at a place. Raises Refused where another one was meant."""
    if log not in (None, found):
        sentence = told(lang, f"{place} is the lab {found}, and not {log}", f"{place} 是实验室 {found}，而不是 {log}")
        raise Refused("client.other-log", sentence)
    return found


class Transport(Protocol):
    """A way to a lab. Each method raises Refused or Unreachable."""

    lang: Lang
    key: Key | None
    #: Who asks, as the lab knows them; None where it does not say.
    person: str | None
    #: The name of the lab's log.
    log: str

    def ask(self, question: Question, name: str = "", **only: str) -> JSON:
        """The answer, as `unseen --json` prints it; `only` narrows a list."""

    def twin(self, dataset: str, rows: int, seed: int) -> bytes:
        """Made-up rows of a dataset, or those of a reference table, as its description says a file of it is."""

    def check(self, project: Project) -> JSON:
        """What a job would cost."""

    def question(self, fields: JSON) -> JSON:
        """What the lab makes of a question in SQL; the fields are those of its API."""

    def make(self, change: Change, review: Review | None = None, key: Key | None = None) -> JSON:
        """Has a change drafted, signs it with this key or one's own, hands it in."""

    def close(self) -> None:
        """Lets go of the lab."""
