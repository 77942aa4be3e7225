"""conformance.py ENGINE: what every courier has to do, tried on two nodes of that engine on this machine.

cluster/ENGINE.sh starts them, and scripts/engine.sh gets what they are made of. Nothing of the lab or of a node takes
part: this program plays both. A further courier passes when the last line says that nothing failed.
"""

import contextlib
import hashlib
import json
import os
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

HERE = Path(__file__).resolve().parent
NODES = ("node1", "node2")
LACKS = 3
# What an engine may take that is slow, on a machine that is busy; and when the lab would send a task again.
PATIENCE, DEADLINE = 180.0, 10.0


def main() -> int:
    engines = sorted(path.stem for path in (HERE / "cluster").glob("*.sh") if path.stem != "common")
    if sys.argv[1:] not in [[engine] for engine in engines]:
        print(f"usage: {sys.argv[0]} {'|'.join(engines)}", file=sys.stderr)
        return 2
    engine = sys.argv[1]
    # In a folder of short name: sockets have 107 bytes for theirs.
    cluster = Cluster(engine, Path(tempfile.mkdtemp(prefix=f"{engine}-")))
    tally = Tally()
    try:
        if lacks := cluster.asked("up"):
            required = os.environ.get("UNSEEN_REQUIRE_ALL") == "1"
            print(f"{'FAILED' if required else 'SKIPPED'}: {lacks}")
            cluster.folder.rmdir()
            return int(required)
        conform(cluster, [Agent(cluster.folder, node) for node in NODES], tally)
    finally:
        cluster.asked("down")
    if tally.failed:
        print(f"Logs are in {cluster.folder}")
    else:
        shutil.rmtree(cluster.folder)
    print(f"{tally.passed} passed, {tally.failed} failed")
    return int(tally.failed > 0)


def conform(cluster: "Cluster", agents: list["Agent"], tally: "Tally") -> None:
    """All checks, in the order in which a courier lives."""
    with tally.check("a wrong address: one sentence, and an end in time"):
        astray = subprocess.run(cluster.argv("astray"), stdin=subprocess.PIPE, capture_output=True, timeout=30)
        assert astray.returncode != 0, "it ended as if all were well"
        assert astray.stdout == b"", f"it wrote {astray.stdout!r} to the link"
        assert len(astray.stderr.splitlines()) == 1, f"not one sentence: {astray.stderr.decode()}"

    first = Courier(cluster)
    with tally.check("says when it is connected"):
        first.ready()

    with tally.check("64 tasks, of all sizes: every answer under its id"):
        sizes = [0, 1, 1000, 100_000]
        sent = [first.send(size=sizes[n % 4], padding=sizes[n // 4 % 4]) for n in range(64)]
        for ident in sent:
            assert first.ending(ident)[0] == b"A", first.ending(ident)[1].decode()

    with tally.check("16 MB there and back"):
        kind, answer = first.ending(first.send(size=1 << 24, padding=1 << 24))
        assert kind == b"A", answer.decode()

    with tally.check("an agent that gives no answer: given up, or tried elsewhere"):
        nowhere, elsewhere = first.send(shut=NODES), first.send(shut=NODES[:1])
        assert first.ending(nowhere)[0] == b"F", "an answer from nowhere"
        text = first.ending(nowhere)[1].decode()
        assert "closed the connection" in text, f"the reason is not told: {text}"
        assert len(text) <= 200, f"the reason is not told in a few words: {text}"
        first.ending(elsewhere)

    with tally.check("the end of the link while tasks run: ends in 10 s, and nothing is left"):
        for _ in range(8):
            first.send(delay=3600)
        wait_for(lambda: all(agent.serving for agent in agents), "tasks do not run on both nodes")
        first.stdin.close()
        assert first.process.wait(10) == 0, "it ended as if something were wrong"
        nothing_left(cluster, agents)

    second = Courier(cluster, through_parent=True)
    with tally.check("a node that freezes: what is sent again is answered meanwhile, and all is well afterwards"):
        second.ready()
        before = [second.send(delay=1) for _ in range(8)]
        cluster.asked("freeze", "1")
        second.answered([*before, *(second.send(delay=1) for _ in range(8))])
        cluster.asked("thaw", "1")
        second.answered([second.send() for _ in range(8)])

    with tally.check("a node that is killed: what is sent again is answered, with one node and with two"):
        before = [second.send(delay=1) for _ in range(8)]
        cluster.asked("kill", "1")
        second.answered([*before, *(second.send() for _ in range(8))])
        cluster.asked("up")
        second.answered([second.send() for _ in range(8)])

    with tally.check("nothing but frames, and right ones, over a whole life"):
        wrong = first.wrong + second.wrong
        assert not wrong, wrong[0]

    with tally.check("the lab is killed: ends in 10 s, and nothing is left"):
        for _ in range(8):
            second.send(delay=3600)
        wait_for(lambda: any(agent.serving for agent in agents), "no task runs")
        second.process.kill()
        nothing_left(cluster, agents)


def nothing_left(cluster: "Cluster", agents: list["Agent"]) -> None:
    """Of a courier that has ended: no process, no file, no task that runs or starts yet."""
    wait_for(lambda: not cluster.couriers(), "processes of the courier's are left", 10)
    wait_for(lambda: not any(agent.serving for agent in agents), "tasks still run", 10)
    started = sum(agent.started for agent in agents)
    time.sleep(3)
    assert started == sum(agent.started for agent in agents), "tasks have started after the end"
    assert not [*cluster.folder.glob("folder/*")], "files are left in the shared folder"


class Cluster:
    """An engine with two nodes, in a folder."""

    def __init__(self, engine: str, folder: Path) -> None:
        self.folder = folder
        self._script = HERE / "cluster" / f"{engine}.sh"

    def asked(self, verb: str, *node: str) -> str:
        """Runs the engine's script; says why the engine cannot run here, if it cannot."""
        done = subprocess.run([self._script, verb, self.folder, *node], stdout=subprocess.PIPE, text=True)
        assert done.returncode in (0, LACKS), f"{self._script.name} {verb} has failed"
        return done.stdout.strip() if done.returncode == LACKS else ""

    def argv(self, which: str) -> list[str]:
        return (self.folder / which).read_text().splitlines()

    def couriers(self) -> list[str]:
        """The processes of couriers and of their children, which have a variable of ours."""
        found = []
        for environ in Path("/proc").glob("[0-9]*/environ"):
            with contextlib.suppress(OSError):
                if f"COURIER_OF={self.folder}".encode() in environ.read_bytes().split(b"\0"):
                    found.append(environ.parent.name)
        return found


class Agent:
    """Stands in for a node's agent. A task is a line of JSON, which says what to do, and any bytes."""

    def __init__(self, folder: Path, node: str) -> None:
        self.node, self.serving, self.started = node, 0, 0
        self._turn = threading.Lock()
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(folder / f"{node}.sock"))
        self._listener.listen(128)
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with self._turn:
            self.serving += 1
            self.started += 1
        with contextlib.suppress(OSError, struct.error), connection, connection.makefile("rwb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            task = file.read(length)
            asked = json.loads(task.split(b"\n")[0])
            # Readable before the time is over: the other end is gone.
            gone = select.select([connection], [], [], asked["delay"])[0]
            if not gone and self.node not in asked["shut"]:
                answer = answer_of(task, self.node)
                file.write(struct.pack("<Q", len(answer)) + answer)
        with self._turn:
            self.serving -= 1


def answer_of(task: bytes, node: str) -> bytes:
    """The one right answer: a digest of the task, as long as the task asks for, and who made it."""
    return hashlib.shake_256(task).digest(json.loads(task.split(b"\n")[0])["size"]) + node.encode()


class Courier:
    """A courier as the lab sees it."""

    def __init__(self, cluster: Cluster, through_parent: bool = False) -> None:
        argv = cluster.argv("courier")
        if through_parent:
            # So that a parent can be killed while its end of the link stays open, which is ours.
            argv = ["sh", "-c", 'exec 3<&0; "$@" <&3 & wait', "sh", *argv]
        self.wrong: list[str] = []
        self._sent: list[tuple[bytes, float]] = []
        self._endings: dict[int, tuple[bytes, bytes]] = {}
        with (cluster.folder / "courier.log").open("ab") as log:
            environ = os.environ | {"COURIER_OF": str(cluster.folder)}
            pipe = subprocess.PIPE
            self.process = subprocess.Popen(argv, stdin=pipe, stdout=pipe, stderr=log, env=environ, bufsize=0)
        assert self.process.stdin
        assert self.process.stdout
        self.stdin, self._frames = self.process.stdin, os.fdopen(self.process.stdout.fileno(), "rb", closefd=False)

    def ready(self) -> None:
        assert self._frames.read(1) == b"R", "it has not said so"
        threading.Thread(target=self._listen, daemon=True).start()

    def send(self, *, size: int = 32, padding: int = 0, delay: float = 0, shut: Sequence[str] = ()) -> int:
        """Sends a task, and returns its id."""
        asked = {"size": size, "delay": delay, "shut": shut}
        return self._send(json.dumps(asked).encode() + b"\n" + os.urandom(padding))

    def ending(self, ident: int) -> tuple[bytes, bytes]:
        """How a task ends: A and the answer, or F and why."""
        wait_for(lambda: ident in self._endings, f"no word of task {ident}")
        return self._endings[ident]

    def answered(self, idents: list[int]) -> None:
        """Sends again, as a lab does, what is given up or late, until there is an answer to each."""
        tries = [[ident] for ident in idents]

        def all_there() -> bool:
            for same in tries:
                kinds = [self._endings[ident][0] for ident in same if ident in self._endings]
                task, since = self._sent[same[-1]]
                if b"A" not in kinds and (same[-1] in self._endings or time.monotonic() - since > DEADLINE):
                    same.append(self._send(task))
            return all(any(self._endings.get(ident, b"-")[0] == b"A" for ident in same) for same in tries)

        wait_for(all_there, "not every task is answered")

    def _send(self, task: bytes) -> int:
        self._sent.append((task, time.monotonic()))
        ident = len(self._sent) - 1
        for part in (struct.pack("<QQ", 8 + len(task), ident), task):
            view = memoryview(part)
            while view:
                view = view[self.stdin.write(view) :]
        return ident

    def _listen(self) -> None:
        while len(head := self._frames.read(17)) == 17:
            length, ident, kind = struct.unpack("<QQc", head)
            said = self._frames.read(length - 9)
            right = [answer_of(self._sent[ident][0], node) for node in NODES] if ident < len(self._sent) else []
            if kind != b"F" and (kind != b"A" or said not in right):
                self.wrong.append(f"a frame of {length} bytes, {kind!r} for task {ident}, is not an answer to it")
            self._endings[ident] = (kind, said)


def wait_for(happens: Callable[[], bool], else_: str, seconds: float = PATIENCE) -> None:
    """Waits until that happens."""
    end = time.monotonic() + seconds
    while not happens():
        assert time.monotonic() < end, f"{else_}, after {seconds:g} s"
        time.sleep(0.1)


class Tally:
    """What has passed, and what has not."""

    def __init__(self) -> None:
        self.passed = self.failed = 0
        signal.signal(signal.SIGALRM, self._too_long)

    @contextlib.contextmanager
    def check(self, what: str) -> Iterator[None]:
        """One of them; a courier that hangs fails it."""
        began = time.monotonic()
        signal.alarm(300)
        try:
            yield
        except Exception as error:
            self.failed += 1
            print(f"FAILED  {what}: {error or type(error).__name__}", flush=True)
        else:
            self.passed += 1
            print(f"ok      {what} ({time.monotonic() - began:.1f} s)", flush=True)
        finally:
            signal.alarm(0)

    @staticmethod
    def _too_long(*_: object) -> None:
        raise TimeoutError("it hangs")


if __name__ == "__main__":
    sys.exit(main())
