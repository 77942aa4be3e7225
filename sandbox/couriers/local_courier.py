"""The courier without an engine: hands tasks to the agents of nodes on this machine, to whichever owes least.

For trying out a cluster, and for tests: nothing but Python is needed.
"""

import argparse
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import link
import unseen_node


@contextmanager
def local(sockets: list[str], lab: link.Link) -> Iterator[link.Carry]:
    """Connects to nobody before there is something to carry."""
    missing = [path for path in sockets if not Path(path).exists()]
    if len(missing) == len(sockets):
        raise FileNotFoundError(f"no agent of a node listens at {missing[0]}")
    # Of what each was given, how much it has not answered; what it could not is counted too, so that the others get more.
    owed = dict.fromkeys(sockets, 0)

    def carry(ident: int, task: bytes, socket: str) -> None:
        try:
            answer = unseen_node.ask(task, path=socket)
            owed[socket] -= 1
            lab.give(ident, b"A", answer)
        except unseen_node.NoAnswer as error:
            lab.failed(ident, error)

    def hand_out(ident: int, task: bytes) -> None:
        socket = min(sockets, key=lambda socket: owed[socket])
        owed[socket] += 1
        pool.submit(carry, ident, task, socket)

    pool = ThreadPoolExecutor(max_workers=4096)
    yield hand_out


if __name__ == "__main__":
    args = argparse.ArgumentParser(description=__doc__)
    args.add_argument("sockets", nargs="+", metavar="SOCKET", help="of the agents, as `unseen node serve` says")
    link.run(partial(local, args.parse_args().sockets))
