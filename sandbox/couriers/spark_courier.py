"""The courier to Apache Spark. Each task is a job of one task, so that answers come one by one.

Needs the package pyspark in the version of the cluster, and Java 17.
"""

import argparse
import os
import shutil
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING

import link
import unseen_node

if TYPE_CHECKING:
    from pyspark import SparkContext

# Times and sizes of tasks are nobody's business, and answers may be large. Who is late is decided by the lab alone:
# it knows how long the others took.
CONF = {
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.eventLog.enabled": "false",
    "spark.log.level": "ERROR",
    "spark.speculation": "false",
    "spark.driver.maxResultSize": "0",
    "spark.rpc.message.maxSize": "2047",
    # A driver without memory ends, and does not hang.
    "spark.driver.defaultJavaOptions": "-XX:+ExitOnOutOfMemoryError",
}


@contextmanager
def spark(asked: argparse.Namespace, lab: link.Link) -> Iterator[link.Carry]:
    """Connects to a master, and carries."""
    from pyspark import SparkConf, SparkContext

    if not (os.environ.get("JAVA_HOME") or shutil.which("java")):
        raise RuntimeError("Java is not installed; Debian's package is openjdk-17-jre-headless")
    if asked.master.startswith("spark://"):
        reach(asked.master)
    conf = SparkConf().setMaster(asked.master).setAppName("unseen").setAll([*CONF.items(), *asked.conf])
    context = SparkContext(conf=conf)
    context.addPyFile(unseen_node.__file__)

    def carry(ident: int, task: bytes) -> None:
        try:
            (answer,) = context.parallelize([task], 1).map(unseen_node.ask).collect()
            lab.give(ident, b"A", answer)
        except Exception as error:
            if ended(context):
                lab.lost("Spark has ended the application, or its driver here has ended")
            lab.failed(ident, error)

    # A thread for each task in flight, of which the lab decides the number.
    pool = ThreadPoolExecutor(max_workers=4096)
    yield lambda ident, task: pool.submit(carry, ident, task)
    context.stop()


def ended(context: "SparkContext") -> bool:
    """Whether no task can be answered any more."""
    try:
        return bool(context._jsc.sc().isStopped())
    except Exception:  # nobody is there to be asked
        return True


def reach(master: str) -> None:
    """Fails at once where Spark would try for a minute, and in one sentence."""
    for address in master.removeprefix("spark://").split(","):
        host, _, port = address.rpartition(":")
        with suppress(OSError, ValueError), socket.create_connection((host, int(port)), timeout=5):
            return
    raise ConnectionError(f"no Spark master answers at {master}")


if __name__ == "__main__":
    args = argparse.ArgumentParser(description=__doc__)
    args.add_argument("master", help="as Spark writes it: spark://HOST:7077, yarn, k8s://https://HOST:6443")
    args.add_argument("--conf", action="append", default=[], metavar="KEY=VALUE", type=lambda pair: pair.split("=", 1))
    args.add_argument("--patience", type=float, default=25, help="seconds to wait for the engine at the start")
    asked = args.parse_args()
    link.run(partial(spark, asked), asked.patience)
