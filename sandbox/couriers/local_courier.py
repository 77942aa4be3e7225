"""The courier without an engine: hands tasks to the agents of nodes on this machine, in turn.

For trying out a cluster, and for tests: nothing but Python is needed.
"""

import argparse
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from itertools import cycle
from pathlib import Path

import link
import unseen_node


@contextmanager
def local(sockets: list[str], lab: link.Link) -> Iterator[link.Carry]:
    """Connects to nobody before there is something to carry."""
    missing = [path for path in sockets if not Path(path).exists()]
    if len(missing) == len(sockets):
        raise FileNotFoundError(f"no agent of a node listens at {missing[0]}")
    turn = cycle(sockets)

    def carry(ident: int, task: bytes, socket: str) -> None:
        try:
            lab.give(ident, b"A", unseen_node.ask(task, path=socket))
        except unseen_node.NoAnswer as error:
            lab.failed(ident, error)

    pool = ThreadPoolExecutor(max_workers=4096)
    yield lambda ident, task: pool.submit(carry, ident, task, next(turn))


if __name__ == "__main__":
    args = argparse.ArgumentParser(description=__doc__)
    args.add_argument("sockets", nargs="+", metavar="SOCKET", help="of the agents, as `unseen node serve` says")
    link.run(partial(local, args.parse_args().sockets))
