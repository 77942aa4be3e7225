"""A job has no clock, files, randomness or network. What asks for one in a component stops it without a word; after
`begin()` and `close()` it raises an exception instead, whose line is known."""

from __future__ import annotations

import builtins
import datetime
import io
import os
import random
import sys
import time
from collections.abc import Sequence
from types import ModuleType
from typing import Any, NoReturn

CLOCK = "a job has no clock"
FILES = "a job has no files"
RANDOMNESS = "a job has no randomness of the system: take random.Random(number)"

ABSENT: dict[ModuleType, dict[str, tuple[str, ...]]] = {
    time: {
        CLOCK: (
            *("time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns", "process_time"),
            *("process_time_ns", "thread_time", "thread_time_ns", "clock_gettime", "clock_gettime_ns", "sleep"),
        )
    },
    os: {
        FILES: (
            *("open", "stat", "lstat", "fstat", "listdir", "scandir", "walk", "access", "getcwd", "chdir", "mkdir"),
            *("makedirs", "remove", "unlink", "rename", "replace", "rmdir", "read", "write", "close", "fdopen"),
            *("utime", "truncate", "link", "symlink", "readlink", "system", "popen"),
        ),
        RANDOMNESS: ("urandom",),
    },
    random: {RANDOMNESS: ("_urandom",)},
    builtins: {FILES: ("open",)},
    io: {FILES: ("open",)},
}
"""What is not there, and why."""
PRESENT = {"gmtime": 1, "localtime": 1, "ctime": 1, "asctime": 1, "strftime": 2}
"""Functions of `time` that take the present moment when they are given fewer arguments."""


class NotInAJob(RuntimeError):
    """The code asked for something that does not exist where it runs."""


def begin() -> None:
    """Before the job's own code is imported, which may take names out of these modules."""
    datetime.datetime = Moment  # type: ignore[misc]
    random.Random = Numbers  # type: ignore[misc, assignment]


def close() -> None:
    """From now on what does not exist is said to be missing. Modules are imported before this."""
    for module, reasons in ABSENT.items():
        for why, names in reasons.items():
            for name in names:
                if hasattr(module, name):
                    setattr(module, name, _missing(f"{why} (`{module.__name__}.{name}`)"))
    for name, needed in PRESENT.items():
        setattr(time, name, _given(needed, getattr(time, name), f"{CLOCK} (`time.{name}`)"))
    random.seed(0)
    random.seed = _given(1, random.seed, f"{RANDOMNESS} (`random.seed`)")
    sys.stdout = sys.stderr = Unheard()
    sys.meta_path[:] = [NoMoreModules()]


class Moment(datetime.datetime):
    """`datetime.datetime`, which cannot tell the present moment."""

    @classmethod
    def now(cls, tz: Any = None) -> NoReturn:
        raise NotInAJob(f"{CLOCK} (`datetime.now`)")

    @classmethod
    def utcnow(cls) -> NoReturn:
        raise NotInAJob(f"{CLOCK} (`datetime.utcnow`)")

    today = utcnow


class Numbers(random.Random):
    """`random.Random`, which has to be given a number to begin with."""

    def __new__(cls, seed: Any = None) -> Numbers:
        if seed is None:
            raise NotInAJob(f"{RANDOMNESS} (`random.Random`)")
        return super().__new__(cls, seed)  # type: ignore[call-arg]


class Unheard(io.TextIOBase):
    """Where `print` goes: nobody hears it."""

    def write(self, text: str) -> int:
        return len(text)


class NoMoreModules:
    """Finds no module that was not imported when the component was built."""

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> NoReturn:
        raise ImportError(f"`{name}` is not there: import it at the top of job.py, and not while the job runs")


def _missing(why: str) -> Any:
    def missing(*_: Any, **__: Any) -> NoReturn:
        raise NotInAJob(why)

    return missing


def _given(needed: int, function: Any, why: str) -> Any:
    """The function, for calls with so many arguments that are something."""

    def given(*arguments: Any) -> Any:
        if sum(argument is not None for argument in arguments) < needed:
            raise NotInAJob(why)
        return function(*arguments)

    return given
