"""What a job released: noised numbers with their errors, as frames, as a picture, and as a receipt."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from html import escape
from typing import Any

from ._canonical import canonical
from ._plot import bars
from ._signing import digest_of
from ._transport import LAB, PROOF, WITNESSES, Transport, number
from .errors import JSON, Lang, NotVerified, plain, told
from .receipt import FORMAT, Receipt, Verified, service_key
from .table import Cell, Column, Table

#: The format of a release's bytes.
BODY = "unseen-release-v1"
OURS = ("name", "value", "low", "high", "sd")


class Output(Table):
    """One output's groups, a row for each value of each: the key columns, then `name` (of the value), `value`, `low`
    and `high` (the limits of its 95 % interval) and `sd` (the standard deviation of the noise, in the value's units).

    `values` names the values, `ratios` and `averages` are Tables by name: key columns, `value`, `low`, `high`, None
    where the noise leaves open whether the divisor is zero.
    """

    def __init__(self, said: JSON, estimates: list[JSON], lang: Lang) -> None:
        self.name: str = said["name"]
        self.keys: list[str] = said["keys"]
        self.values: list[str] = said["values"]
        self._said = said
        self._lang = lang
        rows = [(group["keys"], value) for group in said["groups"] for value in group["values"]]
        names = list(self.values) * len(said["groups"])
        super().__init__(
            [*_keys(self.keys, [keys for keys, _ in rows]), Column("name", "text", names), *_numbers(rows)], lang
        )
        own = [estimate for estimate in estimates if estimate["output"] == self.name]
        self.ratios: dict[str, Table] = {e["name"]: _estimates(e, lang) for e in own if e["by"]["kind"] == "value"}
        self.averages: dict[str, Table] = {e["name"]: _estimates(e, lang) for e in own if e["by"]["kind"] == "blocks"}

    def value(self, name: str) -> Table:
        """One value of every group: key columns, `value`, `low`, `high`, `sd`. KeyError where there is none."""
        if name not in self.values:
            raise KeyError(name)
        at = self.values.index(name)
        rows = [(group["keys"], group["values"][at]) for group in self._said["groups"]]
        return Table([*_keys(self.keys, [keys for keys, _ in rows]), *_numbers(rows)], self._lang)


class Release:
    """The noised numbers of a job. They stay as private as they are, whatever is done with them.

    `outputs` are the tables of the last round by name, `rounds` those of every round, `derived` what the job computed
    of the noised totals. `digest` is that of the release's bytes, `entry` where the log names it.
    """

    def __init__(self, transport: Transport, said: JSON) -> None:
        self._transport = transport
        self._said = said
        lang = transport.lang
        self.job: str = said["job"]
        self.title: str = said["title"]
        self.entry: int = said["entry"]
        self.digest: str = said["body"]
        #: What it cost.
        self.rho: str = said["plan"]["rho"]
        estimates = said["estimates"]
        rounds = said["rounds"]
        last = len(rounds) - 1
        self.rounds: list[dict[str, Output]] = [
            {output["name"]: Output(output, estimates if at == last else [], lang) for output in round_["outputs"]}
            for at, round_ in enumerate(rounds)
        ]
        self.outputs: dict[str, Output] = self.rounds[-1]
        self.derived: dict[str, Table] = {table["name"]: _derived(table, lang) for table in said["derived"]}

    def plot(self, output: str | None = None, value: str | None = None, ax: Any = None) -> Any:
        """Draws one value, ratio or average of one output (by default the first) with its 95 % intervals; gives the
        matplotlib Axes. Chinese labels take the first Chinese font that this machine has."""
        shown = self.outputs[output] if output is not None else next(iter(self.outputs.values()))
        name = value or shown.values[0]
        table = shown.ratios.get(name) or shown.averages.get(name) or shown.value(name)
        labels = [" · ".join(str(cell) for cell in row[: len(table.columns) - _limits(table)]) for row in table]
        numbers = (table["value"], table["low"], table["high"])
        interval = told(self._transport.lang, "95 % interval", "95 % 区间")
        return bars(self.title, f"{name} ({interval})", labels, numbers, ax, self._transport.lang)

    def receipt(self) -> Receipt:
        """This release in one file, with all that proves it. Raises NotVerified where the lab gave other numbers than
        its log names."""
        body = self._bytes()
        witnesses = self._transport.ask(WITNESSES)
        return Receipt(
            format=FORMAT,
            logKey=self._transport.ask(LAB)["logKey"],
            witnesses=tuple(witness["key"] for witness in witnesses["witnesses"]),
            quorum=witnesses["quorum"],
            proof=self._transport.ask(PROOF, str(self.entry))["proof"],
            body=body.decode(),
        )

    def verify(self, log_vkey: str | None = None, witnesses: Sequence[str] = (), quorum: int | None = None) -> Verified:
        """Checks that these are the numbers that the log names: their digest, the lab's signature over the entry that
        names it, that entry's place in the log, the log's signature, and the witnesses'.

        `log_vkey` is the log's verifier key as you know it from elsewhere, `witnesses` those that you trust, `quorum`
        how many of them must have seen it: all, when left out. Raises NotVerified.
        """
        first = self._transport.ask(PROOF, "0")["proof"]
        receipt, lang = self.receipt(), self._transport.lang
        # Entry 0 says which key is the lab's own, under the same log.
        key = service_key(first, log_vkey or receipt.logKey, lang)
        return receipt.verify(log_vkey, witnesses, quorum, service_key=key, lang=lang)

    def _bytes(self) -> bytes:
        """The bytes of the release, put together of what was answered."""
        said = self._said
        body = {
            "format": BODY,
            "job": number(self.job),
            "run": said["run"],
            "rounds": [
                {"round": round_["round"], "outputs": [_as_declared(output) for output in round_["outputs"]]}
                for round_ in said["rounds"]
            ],
            "postProcessing": [
                {name: table[name] for name in ("name", "columns", "rows", "keys", "groups") if name in table}
                for table in said["derived"]
            ],
        }
        found = canonical(body, as_declared=True)
        if digest_of(found) != self.digest:
            raise NotVerified(
                told(
                    self._transport.lang,
                    "the lab gave other numbers than its log names: keep them, and tell an auditor",
                    "实验室给出的数字与其日志所载不符：请保留，并告知审计员",
                )
            )
        return found

    def __repr__(self) -> str:
        return "\n".join([plain(f"{self.job} {self.title}"), *self._parts(repr, "{}:\n{}")])

    def _repr_html_(self) -> str:
        tables = self._parts(lambda table: table._repr_html_(), "<h5>{}</h5>{}", escape)
        return f"<h4>{escape(self.job)} {escape(self.title)}</h4>" + "".join(tables)

    def _parts(self, shown: Any, form: str, name: Any = plain) -> list[str]:
        found = []
        for output in self.outputs.values():
            found.append(form.format(name(output.name), shown(output)))
            found += [form.format(name(f"{output.name}: {n}"), shown(table)) for n, table in output.ratios.items()]
        return found


def _keys(names: list[str], rows: list[list[Any]]) -> list[Column]:
    """Columns of keys: whole numbers or texts. A key that is called as a column of ours is `key.NAME`."""
    columns = []
    for at, name in enumerate(names):
        cells = [row[at] for row in rows]
        kind = "int" if cells and all(isinstance(cell, int) for cell in cells) else "text"
        columns.append(Column(f"key.{name}" if name in OURS else name, kind, cells))
    return columns


def _numbers(rows: list[tuple[Any, JSON]]) -> list[Column]:
    """Columns of numbers: exact as they are released, they are doubles here."""
    exact = [Column(name, "float", [float(Fraction(v[name])) for _, v in rows]) for name in ("value", "low", "high")]
    return [*exact, Column("sd", "float", [float(v["standardDeviation"]) for _, v in rows])]


def _estimates(said: JSON, lang: Lang) -> Table:
    groups = said["groups"]
    numbers = [Column(name, "float", [group[name] for group in groups]) for name in ("value", "low", "high")]
    return Table([*_keys(said["keys"], [group["keys"] for group in groups]), *numbers], lang)


def _derived(said: JSON, lang: Lang) -> Table:
    cells: list[list[Cell]] = [[float(row[at]) for row in said["rows"]] for at in range(len(said["columns"]))]
    numbers = [Column(name, "float", column) for name, column in zip(said["columns"], cells)]
    return Table([*_keys(said.get("keys", []), said.get("groups", [])), *numbers], lang)


def _limits(table: Table) -> int:
    """How many columns of numbers stand at a table's end."""
    return 4 if "sd" in table.columns else 3


def _as_declared(output: JSON) -> JSON:
    """An output with its members in the order in which they are hashed."""

    def number_of(value: JSON) -> JSON:
        deviation = float(value["standardDeviation"])
        return {"value": value["value"], "standardDeviation": deviation, "low": value["low"], "high": value["high"]}

    groups = [{"keys": g["keys"], "values": [number_of(value) for value in g["values"]]} for g in output["groups"]]
    return {"name": output["name"], "keys": output["keys"], "values": output["values"], "groups": groups}
