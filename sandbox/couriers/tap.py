"""For tests: the courier whose engine is another courier, to which it hands all frames, noting each.

A line of the notes is `S id` when a task is handed on, and `A id` or `F id` when something comes back. With --twice
each answer is given twice, the second time behind the next one's first.
"""

import argparse
import os
import struct
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import IO

import link


@contextmanager
def tap(asked: argparse.Namespace, lab: link.Link) -> Iterator[link.Carry]:
    """Starts the other courier, which reaches its engine."""
    # The link's own stdin and stdout are taken.
    pipe = subprocess.PIPE
    other = subprocess.Popen([*asked.courier], stdin=pipe, stdout=pipe, bufsize=0)
    assert other.stdin
    assert other.stdout
    into, out = other.stdin, os.fdopen(other.stdout.fileno(), "rb", closefd=False)
    if out.read(1) != b"R":
        raise ConnectionError("the courier that was to be tapped has not said that it is ready")

    def back(notes: IO[str]) -> None:
        before: tuple[int, bytes, bytes] | None = None
        while len(head := out.read(17)) == 17:
            length, ident, kind = struct.unpack("<QQc", head)
            said = out.read(length - 9)
            print(kind.decode(), ident, file=notes)
            lab.give(ident, kind, said)
            if asked.twice and before:
                print(before[1].decode(), before[0], file=notes)
                lab.give(*before)
            before = (ident, kind, said)
        if other.wait():
            lab.lost("the courier that is tapped has ended")

    with asked.notes.open("a", buffering=1) as notes:
        threading.Thread(target=back, args=(notes,), daemon=True).start()
        yield partial(hand_on, into, notes)
        into.close()
        lab.code = other.wait()


def hand_on(into: IO[bytes], notes: IO[str], ident: int, task: bytes) -> None:
    """Notes a task, and writes it."""
    print("S", ident, file=notes)
    view = memoryview(struct.pack("<QQ", 8 + len(task), ident) + task)
    while view:
        view = view[into.write(view) :]


if __name__ == "__main__":
    args = argparse.ArgumentParser(description=__doc__)
    args.add_argument("--notes", required=True, type=Path, metavar="FILE")
    args.add_argument("--twice", action="store_true")
    args.add_argument("courier", nargs=argparse.REMAINDER, help="the other one, with its arguments")
    link.run(partial(tap, args.parse_args()))
