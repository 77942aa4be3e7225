"""faults.py FAULT: a run on a cluster on this machine, and what is done to it meanwhile; for scripts/cluster.sh.

    kill     all of a node is killed while it is at work: its agent and worker, and the engine's processes
    freeze   all of it is stopped until its tasks are asked for again, then goes on; while it stands still, and again
             afterwards, the engine's and the courier's files and memory are searched for what they may not have
    cut      packets from and to the engine's part of it vanish until its tasks are asked for again, then go through
    twice    tasks are asked for again before a node may answer, and each answer comes twice

A fault that hits nothing fails, and so does a search that does not find what it is known to reach.
"""

import argparse
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import markers

HERE = Path(__file__).resolve().parent
PATIENCE = 240.0
NODES = ("1", "2")
ROWS = Path("data/enterprises.csv")
# What a worker has in memory that is at work: rows, or the keys that open them, which it has for longer.
AT_WORK = {markers.NAME, markers.DATA, markers.BUCKETS}


def main() -> None:
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("fault", choices=("kill", "freeze", "cut", "twice"))
    args.add_argument("engine")
    args.add_argument("sockets", type=Path, help="the folder of the agents' sockets, and of the engine")
    args.add_argument("run", nargs=argparse.REMAINDER, help="what runs the job; scripts/cluster.sh made the lab, here")
    asked = args.parse_args()
    cluster = Cluster(asked.engine, asked.sockets)
    began = time.monotonic()
    run = Run(asked.run, asked.sockets / "notes")
    try:
        {"kill": kill, "freeze": freeze, "cut": cut, "twice": twice}[asked.fault](run, cluster)
        assert run.process.wait(600) == 0, "the run has failed"
    except (AssertionError, OSError, subprocess.TimeoutExpired) as error:
        run.process.kill()
        sys.exit(f"FAILED  {asked.fault} on {asked.engine}: {error}")
    say(f"the run took {time.monotonic() - began:.0f} s: {told(run.notes())}")


def say(sentence: str) -> None:
    """For whoever reads what a test did."""
    print(f"fault: {sentence}", flush=True)


def kill(run: "Run", cluster: "Cluster") -> None:
    cluster.stop_at_work(run, known_markers())
    own, engines = cluster.of_node(cluster.node), cluster.engines(cluster.node)
    assert not run.over(), "the run was over when the node was hit"
    say(f"until it was hit, {told(run.notes())}")
    cluster.signal("kill", signal.SIGKILL)
    wait_for(lambda: not any(map(state, own + engines)), "something of the node is left")
    say(f"killed at work: {len(own)} processes of the node, {len(engines)} of the engine on it")


def freeze(run: "Run", cluster: "Cluster") -> None:
    known = known_markers()
    cluster.stop_at_work(run, known)
    own, engines = cluster.of_node(cluster.node), cluster.engines(cluster.node)
    since, before = time.monotonic(), run.notes()
    out = {ident for kind, ident in before if kind == "S"} - {ident for kind, ident in before if kind != "S"}
    say(f"until it was hit, {told(before)}")
    say(f"stopped at work: {len(own)} processes of the node, {len(engines)} of the engine on it")
    markers.of_run(known, Path("lab"))
    # It takes longer to search than a run may wait.
    looks = [Look(cluster)]
    wait_for(
        lambda: ended_without(run.notes(), len(before)) > 0, "no round in which tasks were asked for again has ended"
    )
    assert not run.over(), "the run was over when the node went on"
    cluster.signal("thaw", signal.SIGCONT)
    again = ended_without(run.notes(), len(before))
    stood = time.monotonic() - since
    say(f"it stood still for {stood:.0f} s: {again} tasks were asked for again, of rounds that ended meanwhile")
    with suppress(AssertionError):
        wait_for(lambda: run.over() or late(run, before, out) > 0, "", 20)
    if not run.over():
        looks.append(Look(cluster))
    looks[0].reaches(known)
    run.process.wait(600)
    say(f"of {len(out)} tasks that were out when it was stopped, {late(run, before, out)} were answered afterwards")
    for look in [*looks, Look(cluster)]:
        look.search(known)


def cut(run: "Run", cluster: "Cluster") -> None:
    cluster.stop_at_work(run, known_markers())
    since, before = time.monotonic(), run.notes()
    out = {ident for kind, ident in before if kind == "S"} - {ident for kind, ident in before if kind != "S"}
    say(f"until it was cut off, {told(before)}")
    cluster.by_script("cut")
    # It goes on, and nobody hears of it.
    cluster.signal("thaw", signal.SIGCONT)
    wait_for(
        lambda: ended_without(run.notes(), len(before)) > 0, "no round in which tasks were asked for again has ended"
    )
    assert not run.over(), "the run was over when the network was mended"
    cluster.by_script("heal")
    again = ended_without(run.notes(), len(before))
    say(
        f"cut off at work for {time.monotonic() - since:.0f} s: {again} tasks were asked for again, of rounds that ended"
    )
    run.process.wait(600)
    say(f"of {len(out)} tasks that were out when it was cut off, {late(run, before, out)} were answered afterwards")


def known_markers() -> markers.Markers:
    return markers.of_lab(ROWS, Path("lab"), [Path(f"node{node}") for node in NODES])


def ended_without(notes: list[tuple[str, int]], since: int) -> int:
    """How many tasks were asked for again since then in rounds that have ended."""
    at_hand = max(ident >> 32 for _, ident in notes)
    return sum(kind == "S" and attempt(ident) > 0 and ident >> 32 < at_hand for kind, ident in notes[since:])


def late(run: "Run", before: list[tuple[str, int]], out: set[int]) -> int:
    return sum(kind == "A" and ident in out for kind, ident in run.notes()[len(before) :])


def twice(run: "Run", _: "Cluster") -> None:
    run.process.wait(600)
    notes = run.notes()
    parts = Counter(ident >> 32 for ident in {ident for kind, ident in notes if kind == "S"} if not attempt(ident))
    answers = Counter(ident for kind, ident in notes if kind == "A")
    computed = Counter(ident >> 32 for ident in answers)
    again = sum(max(0, computed[number] - parts[number]) for number in parts)
    repeated = sum(times > 1 for times in answers.values())
    say(f"{repeated} of {len(answers)} answers came twice; {again} parts were computed twice")
    assert repeated >= len(answers) - 1 > 0, "answers did not come twice"
    assert again > 0, "nothing was computed twice"


class Run:
    """The run, and what its tapped courier notes."""

    def __init__(self, command: list[str], notes: Path) -> None:
        self._notes = notes
        self.process = subprocess.Popen(command)

    def over(self) -> bool:
        return self.process.poll() is not None

    def notes(self) -> list[tuple[str, int]]:
        """What was handed on (S) and came back (A, F), by id."""
        lines = self._notes.read_text().split("\n")[:-1] if self._notes.exists() else []
        return [(line[0], int(line[2:])) for line in lines]


def attempt(ident: int) -> int:
    """How often that part had been asked for before: the lab writes it into ids."""
    return ident >> 24 & 0xFF


def told(notes: list[tuple[str, int]]) -> str:
    counts = Counter(kind for kind, _ in notes)
    again = sum(kind == "S" and attempt(ident) > 0 for kind, ident in notes)
    return f"{counts['S']} tasks, {again} of them asked for again; {counts['A']} answers, {counts['F']} given up"


class Cluster:
    """An engine of two nodes, and the agents of these."""

    def __init__(self, engine: str, sockets: Path) -> None:
        self.engine, self.sockets = engine, sockets
        # Which one it happens to: the first that is met at work, for an engine may leave the other one idle.
        self.node = NODES[0]

    def agent(self, node: str) -> int:
        return int((self.sockets / f"node{node}.pid").read_text())

    def workers(self, node: str) -> list[int]:
        """The jailed processes, which have rows: children of the agent that were started as such."""
        children = Path(f"/proc/{self.agent(node)}/task").glob("*/children")
        pids = [int(pid) for path in children for pid in read(path).split()]
        return [pid for pid in pids if read(Path(f"/proc/{pid}/cmdline")).split(b"\0")[1:2] == [b"__worker"]]

    def of_node(self, node: str) -> list[int]:
        """What is not the engine's."""
        return [self.agent(node), *self.workers(node)]

    def engines(self, node: str = "") -> list[int]:
        """The engine's processes, of all or of one node, by what they and their children have in their environment."""
        own = f"UNSEEN_NODE={self.sockets}/node{node}.sock" if node else f"UNSEEN_CLUSTER={self.sockets}"
        return having([own, *(f"UNSEEN_NODE={self.sockets}/node{n}.sock" for n in NODES if not node)])

    def couriers(self) -> list[int]:
        return having([f"UNSEEN_COURIER={self.sockets}"])

    def signal_own(self, number: signal.Signals) -> None:
        """To the agent, which starts none from then on, and to its workers."""
        for pids in ([self.agent(self.node)], self.workers(self.node)):
            for pid in pids:
                with suppress(ProcessLookupError):
                    os.kill(pid, number)

    def signal(self, verb: str, number: signal.Signals) -> None:
        """To all of the node; the engine's script does it to what is the engine's."""
        if self.engine != "local":
            self.by_script(verb)
        self.signal_own(number)

    def by_script(self, verb: str) -> None:
        script = HERE / "cluster" / f"{self.engine}.sh"
        done = subprocess.run([script, verb, self.sockets, self.node])
        assert done.returncode == 0, f"{script.name} {verb} has failed"

    def stop_at_work(self, run: Run, known: markers.Markers) -> None:
        """Stops all of a node at a moment when a worker of its is at work, and answers have come before."""

        def stopped() -> bool:
            assert not run.over(), "the run was over before a node was met at work"
            self.node = NODES[self.node == NODES[0]]
            if not self.workers(self.node) or not any(kind == "A" for kind, _ in run.notes()):
                return False
            since = time.monotonic()
            self.signal_own(signal.SIGSTOP)
            if self._at_work(known):
                return True
            # It goes on for as long as it was looked at, or the engine would give its work to the other one.
            self.signal_own(signal.SIGCONT)
            time.sleep(time.monotonic() - since)
            return False

        wait_for(stopped, "no node is at work", pause=0.003)
        assert self.engine == "local" or self.engines(self.node), "no process of the engine is on the node"
        self.signal("freeze", signal.SIGSTOP)
        wait_for(self._still, "not all of the node is stopped")

    def _at_work(self, known: markers.Markers) -> bool:
        for pid in self.workers(self.node):
            # It may have ended meanwhile.
            with suppress(FileNotFoundError, ProcessLookupError):
                if any(AT_WORK & known.found(part) for part in markers.memory(pid)):
                    return True
        return False

    def _still(self) -> bool:
        """Whether all of the node is stopped; what was just being started is told, too."""
        self.signal_own(signal.SIGSTOP)
        return all(state(pid) in ("T", "t", "Z", "") for pid in [*self.of_node(self.node), *self.engines(self.node)])


class Look:
    """What the engine and the courier have in files and in memory at one moment. The agents of nodes and their jailed
    workers are not theirs: they have keys, and workers have rows.
    """

    def __init__(self, cluster: Cluster) -> None:
        couriers, carrying = cluster.couriers(), cluster.engines(cluster.node)
        own = {pid for node in NODES for pid in cluster.of_node(node)}
        processes = {*couriers, *cluster.engines()}
        assert not own & processes, "the engine's processes are not told from the node's own"
        self.names = {pid: f"{markers.command(pid)} ({pid})" for pid in processes}
        self.memory = {pid: markers.remembered(pid) for pid in processes}
        written = markers.files([cluster.sockets, Path("store"), *Path().glob("*.log")])
        began = (cluster.sockets / "node1.pid").stat().st_mtime
        self.files = dict(written) | dict(markers.opened(processes, began))
        # What the search has to reach, while a run is on.
        self.orders = [bytes.fromhex(path.name) for path in Path("store/orders").glob("*")]
        self._carrying = {"the courier": couriers} | (
            {} if cluster.engine == "local" else {"the engine's node": carrying}
        )
        self._worker = [part for pid in cluster.workers(cluster.node) for part in markers.remembered(pid)]
        self._key = f"the secret of node{cluster.node}/node.pem"
        self._agent = markers.remembered(cluster.agent(cluster.node))

    def reaches(self, known: markers.Markers) -> None:
        """Fails where the search is blind: it has to find rows or their key in the worker, the node's key and the run's
        in the agent, and in all that carries a task the digest with which tasks begin.
        """
        for who, held, wanted in (
            ("the node's worker", self._worker, AT_WORK),
            ("the node's agent", self._agent, {self._key}),
            ("the node's agent", self._agent, {markers.RUN}),
            ("the file of rows", [ROWS.read_bytes()], {markers.NAME}),
        ):
            found = {what for part in held for what in known.found(part)}
            assert wanted & found, f"the search is blind: {' or '.join(sorted(wanted))} is not found in {who}"
        for who, pids in self._carrying.items():
            parts = [part for pid in pids for part in self.memory[pid]]
            task = any(orders in part for orders in self.orders for part in parts)
            assert task, f"the search is blind: no task is found in the memory of {who}"
        found = {what for part in self._worker for what in known.found(part)} & AT_WORK
        say(
            f"the search finds {' and '.join(sorted(found))} in the node's worker, keys in its agent, tasks in what carries"
        )

    def search(self, known: markers.Markers) -> None:
        memory = [(f"the memory of {self.names[pid]}", part) for pid, parts in self.memory.items() for part in parts]
        files = [*self.files.items()]
        hits = {f"{what} in {where}" for where, part in memory + files for what in known.found(part)}
        assert not hits, f"readable in the engine's hands: {'; '.join(sorted(hits))}"
        sizes = [f"{sum(len(part) for _, part in parts) / 1e6:.1f} MB" for parts in (memory, files)]
        say(
            f"none of {len({*known.needles.values()})} secrets and {known.count} units' names is in the memory of "
            f"{len(self.memory)} processes ({sizes[0]}), nor in {len(files)} files ({sizes[1]})"
        )


def having(variables: list[str]) -> list[int]:
    """The processes with one of these variables in their environment."""
    wanted, found = {variable.encode() for variable in variables}, []
    for path in Path("/proc").glob("[0-9]*/environ"):
        if wanted & {*read(path).split(b"\0")}:
            found.append(int(path.parent.name))
    return found


def read(path: Path) -> bytes:
    """Nothing, of a process that has ended."""
    with suppress(OSError):
        return path.read_bytes()
    return b""


def state(pid: int) -> str:
    """The letter that the system has for it; none for one that has ended and been forgotten."""
    return read(Path(f"/proc/{pid}/stat")).rpartition(b")")[2].decode()[1:2]


def wait_for(happens: Callable[[], bool], else_: str, seconds: float = PATIENCE, pause: float = 0.1) -> None:
    """Waits until that happens."""
    end = time.monotonic() + seconds
    while not happens():
        assert time.monotonic() < end, f"{else_}, after {seconds:g} s"
        time.sleep(pause)


if __name__ == "__main__":
    main()
