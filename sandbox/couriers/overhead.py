"""overhead.py [ENGINE ...]: what an engine adds to each round of a run, on two nodes of that engine on this machine.

For each engine this starts it, and its courier, as conformance.py does, with agents that answer at once. What then
takes time is the courier, the engine and the machine, and no computation:

    ready                 until the courier is connected
    first round           16 tasks of 1 kB are sent, and the last of 16 answers of 1 kB has come
    later rounds          the same ten more times
    16 answers of 16 MB   the same with large answers, the median of three times

It prints a line of a Markdown table for each, and ends all that it started. `local` is the courier without an engine.
"""

import argparse
import json
import os
import queue
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from statistics import median

from conformance import HERE, NODES, PATIENCE, Agent, Cluster, Courier, wait_for

TASKS, LATER, LARGE_ROUNDS = 16, 10, 3
KB, MB = 1000, 1_000_000
SMALL, LARGE = KB, 16 * MB
# What every answer is the beginning of: as sealed ones are, of bytes that no engine can compress.
ANSWER = memoryview(os.urandom(LARGE))
HEADER = f"""\
| engine | ready | first round | later rounds, median (lowest to highest) | {TASKS} answers of {LARGE // MB} MB |
|---|---|---|---|---|"""


def main() -> int:
    engines = ["local", *sorted(path.stem for path in (HERE / "cluster").glob("*.sh") if path.stem != "common")]
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    told = f"{', '.join(engines)}; all of them, if none is named"
    args.add_argument("engines", nargs="*", choices=engines, metavar="ENGINE", help=told)
    asked = args.parse_args()
    # Whoever ends this program ends the engines too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended before all was measured"))
    print(HEADER, flush=True)
    right = [tried(engine) for engine in asked.engines or engines]
    return int(not all(right))


def tried(engine: str) -> bool:
    """Prints the line of one engine, or why there is none; says whether that is all right."""
    # In a folder of short name: sockets have 107 bytes for theirs.
    folder = Path(tempfile.mkdtemp(prefix=f"{engine}-"))
    cluster = NoEngine(engine, folder) if engine == "local" else Cluster(engine, folder)
    right = True
    try:
        if lacks := cluster.asked("up"):
            right = os.environ.get("UNSEEN_REQUIRE_ALL") != "1"
            print(f"{'SKIPPED' if right else 'FAILED'}: {lacks}", flush=True)
        else:
            for node in NODES:
                PromptAgent(folder, node)
            print(f"| {' | '.join([engine, *measured(cluster)])} |", flush=True)
    except (AssertionError, OSError, subprocess.TimeoutExpired) as error:
        print(f"FAILED: {engine}: {error}; logs are in {folder}", flush=True)
        return False
    finally:
        cluster.asked("down")
    shutil.rmtree(folder)
    return right


def measured(cluster: Cluster) -> list[str]:
    """The cells of an engine's line, from one life of its courier."""
    began = time.monotonic()
    courier = PromptCourier(cluster)
    try:
        courier.ready()
        ready = time.monotonic() - began
        first = courier.round(SMALL)
        later = [courier.round(SMALL) for _ in range(LATER)]
        large = median(courier.round(LARGE) for _ in range(LARGE_ROUNDS))
        courier.stdin.close()
        assert courier.process.wait(15) == 0, "the courier ended as if something were wrong"
        wait_for(lambda: not cluster.couriers(), "processes of the courier's are left", 10)
    finally:
        for pid in cluster.couriers():
            with suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
    return [
        f"{ready:.3g} s",
        f"{first:.3g} s",
        f"{median(later):.3g} s ({min(later):.3g} to {max(later):.3g})",
        f"{large:.3g} s, {TASKS * LARGE / MB / large:.0f} MB/s",
    ]


class NoEngine(Cluster):
    """Two agents, and the courier that hands tasks to them itself: nothing to start, and nothing to end."""

    def asked(self, verb: str, *node: str) -> str:
        return ""

    def argv(self, which: str) -> list[str]:
        return [sys.executable, str(HERE / "local_courier.py"), *(str(self.folder / f"{node}.sock") for node in NODES)]


class PromptAgent(Agent):
    """Takes no time to make an answer."""

    def _serve(self, connection: socket.socket) -> None:
        with suppress(OSError, struct.error), connection, connection.makefile("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            size = json.loads(file.read(length).split(b"\n")[0])["size"]
            connection.sendall(struct.pack("<Q", size))
            connection.sendall(ANSWER[:size])


class PromptCourier(Courier):
    """Notices answers at once, and looks at them when the time is taken."""

    def __init__(self, cluster: Cluster) -> None:
        super().__init__(cluster)
        self._arrived: queue.SimpleQueue[tuple[int, bytes, bytes]] = queue.SimpleQueue()

    def round(self, size: int) -> float:
        """The seconds from the first task of a round to its last answer, each of that size."""
        answers = []
        began = time.monotonic()
        missing = {self.send(size=size, padding=KB) for _ in range(TASKS)}
        while missing:
            try:
                ident, kind, said = self._arrived.get(timeout=PATIENCE)
            except queue.Empty:
                raise AssertionError(f"no word of {len(missing)} tasks, after {PATIENCE:g} s") from None
            assert kind == b"A", said.decode()
            missing.discard(ident)
            answers.append(said)
        seconds = time.monotonic() - began
        assert all(said == ANSWER[:size] for said in answers), "an answer is not what the agent gave"
        return seconds

    def _listen(self) -> None:
        while len(head := self._frames.read(17)) == 17:
            length, ident, kind = struct.unpack("<QQc", head)
            self._arrived.put((ident, kind, self._frames.read(length - 9)))
        self._arrived.put((-1, b"F", b"the courier has ended"))


if __name__ == "__main__":
    sys.exit(main())
