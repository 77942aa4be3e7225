"""The courier to Slurm. Tasks that come together are one array of jobs; what crosses are files in a shared folder.

Needs Slurm's own programs (Debian: slurm-client), and Python on the nodes.
"""

import argparse
import inspect
import re
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import link
import unseen_node

# There is no variable NIL: nothing of the environment here is handed on, and no profile is read on the node.
SBATCH = ["sbatch", "--parsable", "--job-name=unseen", "--output=/dev/null", "--export=NIL"]
# One element of an array, in the folder. What it has to say gets its last name when it is whole, and two nodes that
# were given the same element do not write to one file.
SCRIPT = """#!/usr/bin/env python3
{ask}
ident = {idents}[int(os.environ["SLURM_ARRAY_TASK_ID"])]
part = f"{{ident}}.{{os.environ['SLURMD_NODENAME']}}.part"
try:
    with open(f"{{ident}}.task", "rb") as file:
        kind, said = "A", ask(file.read())
except NoAnswer as error:
    kind, said = "F", str(error).encode()[:200]
with open(part, "wb") as file:
    file.write(said)
os.rename(part, f"{{ident}}.{{kind}}")
"""


@contextmanager
def slurm(asked: argparse.Namespace, options: list[str], lab: link.Link) -> Iterator[link.Carry]:
    """Finds the controller, and carries; cancels in the end what still runs."""
    limit = re.search(r"MaxArraySize\s*= (\d+)", ran("scontrol", "show", "config"))
    with tempfile.TemporaryDirectory(prefix="unseen-", dir=asked.folder, ignore_cleanup_errors=True) as folder:
        arrays = Arrays(Path(folder), options, int(limit[1]) if limit else 1, lab)
        keeper = threading.Thread(target=arrays.keep)
        keeper.start()
        try:
            yield arrays.carry
        finally:
            arrays.over.set()
            keeper.join()
            arrays.cancel()


class Arrays:
    """The tasks that wait, and those that Slurm has: which element of which array each is."""

    def __init__(self, folder: Path, options: list[str], limit: int, lab: link.Link) -> None:
        self.folder, self.options, self.limit, self.lab = folder, options, limit, lab
        self.over = threading.Event()
        self.waiting: list[int] = []
        self.elements: dict[int, str] = {}
        self.unnamed: set[int] = set()

    def carry(self, ident: int, task: bytes) -> None:
        (self.folder / f"{ident}.task").write_bytes(task)
        self.waiting.append(ident)

    def keep(self) -> None:
        """Looks into the folder a few times a second, and asks the controller, who is everybody's, each five."""
        try:
            asked = time.monotonic()
            while not self.over.wait(0.2):
                while idents := self.waiting[: self.limit]:
                    del self.waiting[: self.limit]
                    self.submit(idents)
                self.collect()
                if self.elements and time.monotonic() - asked > 5:
                    self.miss()
                    asked = time.monotonic()
        except OSError as error:
            self.lab.lost(f"its folder, {error}")

    def cancel(self) -> None:
        if self.elements:
            ran("scancel", *{element.split("_")[0] for element in self.elements.values()})

    def submit(self, idents: list[int]) -> None:
        array = [f"--array=0-{len(idents) - 1}", f"--chdir={self.folder}", *self.options]
        try:
            job = ran(*SBATCH, *array, stdin=SCRIPT.format(ask=inspect.getsource(unseen_node), idents=idents))
            for index, ident in enumerate(idents):
                self.elements[ident] = f"{job.strip().split(';')[0]}_{index}"
        except RuntimeError as error:
            for ident in idents:
                self.end(ident, b"F", str(error).encode()[:200])

    def collect(self) -> None:
        for path in self.folder.glob("*.[AF]"):
            self.end(int(path.stem), path.suffix[1:].encode(), path.read_bytes())
            path.unlink()

    def miss(self) -> None:
        """Gives up what the controller no longer names, the second time: an answer may have been on its way."""
        try:
            named = set(ran("squeue", "--me", "--noheader", "--array", "--format=%F_%K").split())
        except RuntimeError:
            return  # a controller that is away comes back, and knows its jobs
        unnamed = {ident for ident, element in self.elements.items() if element not in named}
        for ident in unnamed & self.unnamed:
            self.end(ident, b"F", b"Slurm has ended its job")
        self.unnamed = unnamed

    def end(self, ident: int, kind: bytes, said: bytes) -> None:
        self.lab.give(ident, kind, said)
        self.elements.pop(ident, None)
        (self.folder / f"{ident}.task").unlink(missing_ok=True)


def ran(*command: str, stdin: str = "") -> str:
    """What a program of Slurm's prints, or in one sentence why it did not."""
    try:
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=20)
    except FileNotFoundError:
        raise RuntimeError(f"{command[0]} is not installed; Debian's package is slurm-client") from None
    except subprocess.TimeoutExpired:
        raise RuntimeError(f"{command[0]} has not answered for 20 seconds") from None
    if done.returncode:
        raise RuntimeError(f"{command[0]} says: {' '.join(done.stderr.split())}")
    return done.stdout


if __name__ == "__main__":
    args = argparse.ArgumentParser(description=__doc__, usage="%(prog)s --folder FOLDER [OPTIONS OF SBATCH]")
    args.add_argument("--folder", required=True, help="one that this machine and every node have at the same path")
    link.run(partial(slurm, *args.parse_known_args()))
