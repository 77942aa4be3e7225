"""What every courier shares: its link to the lab, and how it starts and ends.

A courier is a child of the lab that carries sealed frames to an engine and back. It understands nothing of them, and
may lose, repeat, delay and reorder them; the lab decides. Its stdin and stdout are the link: once connected it writes
the byte R, and then frames go both ways, each `u64 length, bytes`, little-endian. Into the courier: `u64 id, task`.
Out of it: `u64 id, A, answer`, or `u64 id, F, text` when the engine gave that task up, which is a hint only.
"""

import ctypes
import os
import re
import signal
import struct
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, suppress
from typing import NoReturn

# Takes a task on its way, and returns at once.
Carry = Callable[[int, bytes], object]


class Link:
    """Frames to and from the lab; what arrives may be handed over by any thread."""

    def __init__(self) -> None:
        self._in = os.fdopen(os.dup(0), "rb")
        self._out = os.fdopen(os.dup(1), "wb")
        self._turn = threading.Lock()
        self._over = False
        # How the courier ends.
        self.code = 0
        # Engines and their children read and print: what they get is not the link.
        self._nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(self._nothing, 0)
        os.dup2(2, 1)

    def ready(self) -> None:
        """Says that the engine is reached."""
        self._write(b"R")

    def tasks(self) -> Iterator[tuple[int, bytes]]:
        """Each id and task, until the lab has no more."""
        while len(head := self._in.read(16)) == 16:
            length, ident = struct.unpack("<QQ", head)
            yield ident, self._in.read(length - 8)
        self._over = True

    def hang_up(self) -> None:
        """Ends the tasks, as if the lab had."""
        os.dup2(self._nothing, self._in.fileno())

    def give(self, ident: int, kind: bytes, said: bytes) -> None:
        """Hands over how a task ended: A and the answer, or F and why in a few words."""
        self._write(struct.pack("<QQ", 9 + len(said), ident) + kind, said)

    def failed(self, ident: int, error: BaseException) -> None:
        """F for an error of the engine's."""
        self.give(ident, b"F", gist(error).encode()[:200])

    def lost(self, why: str) -> None:
        """Ends the courier because the engine is gone, unless it is ending."""
        if not self._over:
            self._over, self.code = True, 1
            say(f"the engine is gone: {why}")
            os.kill(os.getpid(), signal.SIGTERM)

    def _write(self, *parts: bytes) -> None:
        # A lab that is gone has closed its other end too, and that one says so.
        with self._turn, suppress(BrokenPipeError):
            for part in parts:
                self._out.write(part)
            self._out.flush()


def run(engine: Callable[[Link], AbstractContextManager[Carry]], patience: float = 25) -> NoReturn:
    """The life of a courier: `engine` connects, or raises why not, and ends what still runs when it is left."""
    link = Link()
    # The lab may be killed while somebody else still holds the other end of stdin.
    signal.signal(signal.SIGTERM, lambda *_: link.hang_up())
    if sys.platform == "linux":
        pr_set_pdeathsig = 1
        ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGTERM)
    late = within(patience, lambda: give_up(f"the engine has not answered for {patience:g} seconds"))
    try:
        with engine(link) as carry:
            late.cancel()
            link.ready()
            for ident, task in link.tasks():
                carry(ident, task)
            within(9, lambda: give_up("the engine has not said that what still ran is ended"))
    except ModuleNotFoundError as error:
        give_up(f"the package {error.name} is not installed for {sys.executable}")
    except Exception as error:
        give_up(gist(error))
    # Without waiting for threads of the engine's that wait themselves.
    os._exit(link.code)


def within(seconds: float, then: Callable[[], object]) -> threading.Timer:
    """Does something when that time is over, unless it is cancelled."""
    timer = threading.Timer(seconds, then)
    timer.daemon = True
    timer.start()
    return timer


def gist(error: BaseException) -> str:
    """Of what is often a long story: what the node said, or what Java did, or else the first line."""
    for line in (r"NoAnswer: (.*)", r"(?m)^: (.*)", r"(\S.*)"):
        if told := re.search(line, str(error)):
            return told[1]
    return type(error).__name__


def say(sentence: str) -> None:
    """To the operator."""
    print(f"courier: {sentence}", file=sys.stderr, flush=True)


def give_up(sentence: str) -> NoReturn:
    """Ends the courier at once."""
    say(sentence)
    os._exit(1)
