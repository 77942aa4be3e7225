"""The courier to Dask. Needs the package distributed in the version of the cluster."""

import argparse
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial

import link
import unseen_node


@contextmanager
def dask(asked: argparse.Namespace, lab: link.Link) -> Iterator[link.Carry]:
    """Connects to a scheduler, and carries."""
    from distributed import Client
    from distributed.security import Security

    tls = {"tls_ca_file": asked.tls_ca, "tls_client_cert": asked.tls_cert, "tls_client_key": asked.tls_key}
    security = Security(require_encryption=True, **tls) if asked.tls_ca else None
    client = Client(asked.scheduler, timeout=20, security=security, set_as_default=False)

    # Workers have no unseen_node: it travels with each task.
    import cloudpickle

    cloudpickle.register_pickle_by_value(unseen_node)
    # Ids are unique in the life of one courier only, keys have to be so in the cluster.
    life = os.urandom(8).hex()

    def carry(ident: int, task: bytes) -> None:
        future = client.submit(ask, task, key=f"unseen-{life}-{ident}", pure=False)
        try:
            lab.give(ident, b"A", future.result())
        except Exception as error:
            if client.status != "running":
                lab.lost(f"the scheduler at {asked.scheduler} has closed the connection")
            lab.failed(ident, error)
        finally:
            future.release()

    # A thread for each task in flight, of which the lab decides the number.
    pool = ThreadPoolExecutor(max_workers=4096)
    yield lambda ident, task: pool.submit(carry, ident, task)
    client.close()


def ask(task: bytes) -> bytes:
    """On the worker. Dask forgets a task that runs and cannot end it, so it has to look for itself."""
    from distributed import get_worker

    worker = get_worker()
    key = worker.get_current_task()
    return unseen_node.ask(task, lambda: key in worker.state.tasks and worker.state.tasks[key].state == "executing")


if __name__ == "__main__":
    args = argparse.ArgumentParser(description=__doc__)
    args.add_argument("scheduler", help="tcp://HOST:8786, or tls://HOST:8786 with the three options")
    for option in ("--tls-ca", "--tls-cert", "--tls-key"):
        args.add_argument(option, metavar="FILE")
    link.run(partial(dask, args.parse_args()))
