"""What the lab calls: the job contract by componentize-py's bindings. It exists inside a component only."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from componentize_py_types import Err
from wit_world.imports import types as wit

from .grain import Texts
from .job import Done, Next, Noisy
from .walls import begin, close

__all__ = ["begin", "world"]


def world(job: ModuleType, shape: ModuleType) -> type:
    """The class that componentize-py looks for, made of a job's module and its `shape.py`."""

    class WitWorld:
        def contribute(self, grain: list[Any], state: list[float]) -> list[Any]:
            try:
                return [_contribution(item) for item in job.contribute(_grain(shape, grain), state) or ()]
            except BaseException as error:
                raise Err(_told(error)) from None

        def advance(self, round: int, state: list[float], noisy: list[Any]) -> Any:
            try:
                return _verdict(job.advance(round, state, _noisy(noisy)))
            except BaseException as error:
                raise Err(_told(error)) from None

    close()
    return WitWorld


def _grain(shape: ModuleType, tables: list[Any]) -> Any:
    return shape.Grain([(table.rows, [_cells(column) for column in table.columns]) for table in tables])


def _cells(column: Any) -> tuple[Any, bytes]:
    return _values(column.cells), column.validity


def _values(cells: Any) -> Any:
    value = cells.value
    if isinstance(cells, wit.Cells_Texts):
        return Texts(value.offsets, value.bytes)
    return [byte != 0 for byte in value] if isinstance(cells, wit.Cells_Bools) else value


def _contribution(item: Any) -> Any:
    if not hasattr(item, "_said"):
        raise TypeError(f"contribute gives the contributions that shape.py names, not {type(item).__name__}")
    keys, values = item._said()
    group = [wit.Key_Text(key) if isinstance(key, str) else wit.Key_Int(key) for key in keys]
    return wit.Contribution(item.PLACE, group, values)


def _noisy(outputs: list[Any]) -> Noisy:
    return Noisy({output.output: list(zip(*_columns(output))) for output in outputs})


def _columns(output: Any) -> list[Any]:
    return [_values(group.keys) for group in output.groups] + [value.totals for value in output.values]


def _verdict(verdict: Any) -> Any:
    if isinstance(verdict, Next):
        return wit.Verdict_Next([float(number) for number in verdict.state])
    if isinstance(verdict, Done):
        tables = [
            wit.Derived(table.name, list(table.columns), [[float(number) for number in row] for row in table.rows])
            for table in verdict.tables
        ]
        return wit.Verdict_Done(tables)
    raise TypeError(f"advance returns Next(...) or Done(...), not {type(verdict).__name__}")


def _told(error: BaseException) -> str:
    """Where it happened in the job's own code, and what: `job.py:7: ZeroDivisionError: division by zero`."""
    place, trace = "", error.__traceback__
    while trace is not None:
        file = trace.tb_frame.f_code.co_filename
        if "unseen_guest" not in file:
            place = f"{file.rsplit('/', 1)[-1]}:{trace.tb_lineno}: "
        trace = trace.tb_next
    said = str(error) if not isinstance(error, KeyError) else f"no {error}"
    return f"{place}{type(error).__name__}: {said}" if said else f"{place}{type(error).__name__}"
