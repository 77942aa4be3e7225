"""What a courier has run on a node: hands a task to the node's agent, and brings its answer back.

Needs nothing but Python 3.9, and travels with the task: for an engine, nothing of ours is installed on nodes.
"""

import os
import select
import socket
import struct
from collections.abc import Callable


class NoAnswer(Exception):
    """Why the agent gave none, in one sentence."""


def ask(task: bytes, wanted: Callable[[], bool] = lambda: True, path: str = "") -> bytes:
    """The agent's answer. Looks each second whether it is still wanted, for engines that cannot end a running task."""
    path = path or os.environ.get("UNSEEN_NODE", "/run/unseen/node.sock")
    with socket.socket(socket.AF_UNIX) as agent:
        try:
            agent.connect(path)
            agent.sendall(struct.pack("<Q", len(task)))
            agent.sendall(task)
            (length,) = struct.unpack("<Q", exactly(agent, 8, wanted))
            return bytes(exactly(agent, length, wanted))
        except OSError as error:
            raise NoAnswer(f"the agent at {path} on {socket.gethostname()} gave no answer: {error}") from None


def exactly(agent: socket.socket, length: int, wanted: Callable[[], bool]) -> bytearray:
    """As many bytes as that."""
    got = bytearray(length)
    left = memoryview(got)
    arrived = select.poll()
    arrived.register(agent, select.POLLIN)
    while left:
        if not arrived.poll(1000):
            if not wanted():
                raise ConnectionError("the task is not wanted any more")
        elif n := agent.recv_into(left):
            left = left[n:]
        else:
            raise ConnectionError("it closed the connection")
    return got
