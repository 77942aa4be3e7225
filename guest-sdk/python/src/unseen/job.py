"""A job: what it would cost, where it stands, and what it released."""

from __future__ import annotations

import time
from html import escape
from typing import Any

from ._progress import Bar
from ._signing import Key, Review
from ._transport import JOB, Transport, reading, withdrawal
from .errors import JSON, Refused, Unreachable, passes, plain, told
from .release import Release
from .table import Column, Table, aligned, html_table

#: States from which no release comes any more.
ENDED = {
    "rejected": ("was declined", "已驳回"),
    "withdrawn": ("was withdrawn", "已撤回"),
    "failed": ("failed", "运行失败"),
}
#: The way of a job that ends well.
STEPS = ["submitted", "approved", "running", "released"]
STATES = {"submitted": "待审批", "approved": "已批准", "running": "运行中", "released": "已发布"}
#: Seconds between two looks, growing from the first to the last.
LOOKS = (0.5, 5.0)
#: How long a lab may be away while one waits: a restart takes some seconds.
PATIENCE = 120.0
#: How long a result may be due before one opens it: a lab that is served publishes it, at a folder its reader does.
DUE = 5.0


class Check:
    """What a job would cost, and how exact its numbers would be. Nothing was submitted and nothing spent.

    `rho` is the cost (a text, exact), `epsilon` the same at `delta`; `errors` a Table with a row for each value of
    each output: `sd` is the standard deviation of the noise in the value's units, `within` half the width of its 95 %
    interval, both of the last round; `budget` a Table of what would be left of each; `refusal` what a submission
    would be refused with, None where it would be taken; `blocks` a number of blocks, and the seconds that they would
    take at most, where one unit at a time takes too long, None else.
    """

    def __init__(self, transport: Transport, said: JSON) -> None:
        self._lang = transport.lang
        self._plan: JSON = said["plan"]
        self.rho: str = self._plan["rho"]
        self.epsilon: float = self._plan["epsilon"]
        self.delta: float = self._plan["delta"]
        #: Why a submission would be refused, and its code.
        self.refusal: str | None = said["refusal"]
        self.code: str | None = said["refusalCode"]
        blocks: JSON | None = said.get("blocks")
        self.blocks: tuple[int, int] | None = (blocks["count"], blocks["seconds"]) if blocks else None
        self._budget: list[JSON] = said["budget"]

    @property
    def ok(self) -> bool:
        """Whether the job would be taken."""
        return self.refusal is None

    @property
    def errors(self) -> Table:
        rows = [
            (output["name"], value["name"], output["groups"], value["standardDeviation"][-1], value["halfWidth95"][-1])
            for output in self._plan["outputs"]
            for value in output["values"]
        ]
        kinds = {"output": "text", "value": "text", "groups": "int", "sd": "float", "within": "float"}
        return table_of(kinds, rows, self._lang)

    @property
    def budget(self) -> Table:
        rows = [
            (
                b["dataset"] or b["domain"],
                b["analyst"],
                float(b["cap"]),
                float(b["before"]),
                b["after"] and float(b["after"]),
            )
            for b in self._budget
        ]
        kinds = {"of": "text", "analyst": "text", "cap": "float", "left": "float", "after": "float"}
        return table_of(kinds, rows, self._lang)

    @property
    def cost(self) -> str:
        """What it costs, in words."""
        at = told(self._lang, f"at delta = {self.delta:g}", f"delta = {self.delta:g}")
        return told(
            self._lang,
            f"costs {self.rho} rho (epsilon {self.epsilon:.3g} {at})",
            f"开销 {self.rho} rho（epsilon {self.epsilon:.3g}，{at}）",
        )

    @property
    def verdict(self) -> str:
        """What would be said to a submission."""
        if self.refusal is None:
            return told(self._lang, "would be taken", "可以提交")
        refused = told(self._lang, f"would be refused: {self.refusal}", f"提交会被拒绝：{self.refusal}")
        if self.blocks is None:
            return refused
        count, seconds = self.blocks
        return refused + told(
            self._lang,
            f'; kind = "blocks" with count = {count} would take at most {seconds} s',
            f'；kind = "blocks"、count = {count} 时最长需要 {seconds} 秒',
        )

    def __repr__(self) -> str:
        return "\n".join([*map(plain, (self.cost, self.verdict)), repr(self.errors)])

    def _repr_html_(self) -> str:
        return "".join(f"<p>{escape(line)}</p>" for line in (self.cost, self.verdict)) + self.errors._repr_html_()


class Job:
    """A submitted job: `id` is its number, such as j12, `title` what it is called."""

    def __init__(self, transport: Transport, job: str, key: Key | None = None) -> None:
        self._transport = transport
        self._key = key
        self.id = job

    @property
    def state(self) -> str:
        """Where it stands now: submitted, approved, running, released, rejected, withdrawn or failed."""
        return str(self.show()["state"])

    @property
    def title(self) -> str:
        return str(self.show()["title"])

    def show(self) -> JSON:
        """All that the lab says of it, as docs/schemas/answers/job.v1.schema.json has it."""
        return self._transport.ask(JOB, self.id)

    def wait(self, timeout: float | None = None) -> Job:
        """Waits until it is released, at most `timeout` seconds; shows where it stands.

        Goes on when the lab is away for up to two minutes. Raises Refused when no release can come any more, or the
        time is over (`client.not-yet`), and Unreachable when the lab stays away.
        """
        end = None if timeout is None else time.monotonic() + timeout
        rest, seen, due = LOOKS[0], time.monotonic(), 0.0
        with Bar(len(STEPS) - 1) as bar:
            while True:
                try:
                    said = self.show()
                    seen = time.monotonic()
                except (Refused, Unreachable) as error:
                    if not passes(error) or time.monotonic() - seen > PATIENCE:
                        raise
                else:
                    bar.at(STEPS.index(said["state"]) if said["state"] in STEPS else 0, self._told(said))
                    due = (due or seen) if said["due"] else 0.0
                    if self._is_out(said) or (due and seen - due > DUE):
                        return self
                if end is not None and time.monotonic() + rest > end:
                    raise self._not_yet()
                time.sleep(rest)
                rest = min(rest * 1.3, LOOKS[1])

    def release(self) -> Release:
        """Opens its release with one's signature, which is put on record. Raises Refused where there is none yet."""
        return Release(self._transport, self._transport.make(reading(self.id), key=self._key))

    def withdraw(self, reason: str, review: Review | None = None) -> Job:
        """Takes one's own job back before it runs. The reason stays in the log for ever."""
        self._transport.make(withdrawal(self.id, reason), review, self._key)
        return self

    def _not_yet(self) -> Refused:
        lang = self._transport.lang
        sentence = told(lang, f"{self.id} is not released yet", f"{self.id} 尚未发布")
        return Refused("client.not-yet", sentence, data={"job": self.id})

    def _is_out(self, said: JSON) -> bool:
        """Whether its release can be opened. Raises Refused where none can come any more."""
        lang, state = self._transport.lang, said["state"]
        if state in ENDED:
            what, reason = told(lang, *ENDED[state]), said["reason"]
            why = told(lang, f": {reason}", f"：{reason}") if reason else ""
            raise Refused(f"client.job-{state}", f"{self.id} {what}{why}", lang=lang, data={"job": self.id})
        if said["void"]:
            raise Refused(
                "client.job-void",
                told(
                    lang,
                    f"{self.id} is void, for the rules changed before it ran: submit it again",
                    f"{self.id} 已失效：运行前规则已变，请重新提交",
                ),
                data={"job": self.id},
            )
        return bool(state == "released" and not said["waitsForWitnesses"])

    def _told(self, said: JSON) -> str:
        lang, state = self._transport.lang, str(said["state"])
        text = f"{self.id} {told(lang, state, STATES.get(state, state))}"
        if state == "submitted" and said["approvals"] is not None:
            text += f" ({said['approvals']} / {said['approvalsNeeded']})"
        if said["queued"]:
            text += told(lang, f", {said['queued']} in the queue", f"，队列第 {said['queued']} 位")
        if said["held"]:
            text += told(lang, f", held: {said['held']}", f"，暂不能运行：{said['held']}")
        if said["waitsForWitnesses"]:
            text += told(lang, ", waits for witnesses", "，等待见证方")
        return plain(text)

    def __repr__(self) -> str:
        said = self.show()
        return f"{self._told(said)}: {plain(said['title'])}"

    def _repr_html_(self) -> str:
        return f"<p>{escape(repr(self))}</p>"


class Jobs(list[Job]):
    """Jobs, newest last; shows itself as a table."""

    def __init__(self, transport: Transport, listed: list[JSON]) -> None:
        super().__init__(Job(transport, job["job"]) for job in listed)
        self._header = told_header(transport)
        self._rows = [[job["job"], job["state"], job["author"], job["rho"], job["title"]] for job in listed]

    def __repr__(self) -> str:
        return "\n".join(aligned(self._header, self._rows))

    def _repr_html_(self) -> str:
        return html_table(self._header, self._rows)


def told_header(transport: Transport) -> list[str]:
    en = ["job", "state", "author", "rho", "title"]
    return en if transport.lang == "en" else ["作业", "状态", "提交人", "rho", "标题"]


def table_of(kinds: dict[str, str], rows: list[Any], lang: Any) -> Table:
    """A table of rows, under names with types."""
    cells = list(zip(*rows)) if rows else [()] * len(kinds)
    return Table([Column(name, kind, column) for (name, kind), column in zip(kinds.items(), cells)], lang)
