"""Cells keep their types on the way from a lab's rows to every kind of frame."""

from __future__ import annotations

import builtins
import json
from datetime import date, datetime, timezone
from decimal import Decimal
from typing import Any

import pandas
import polars
import pyarrow
import pytest

import unseen
from unseen._canonical import canonical, strict
from unseen._rows import read
from unseen.table import Column, Table

MOMENT = datetime(2024, 2, 29, 23, 59, 58, 123456, tzinfo=timezone.utc)
TABLE = Table(
    [
        Column("id", "text", ["007", None, ""]),
        Column("n", "int", [9007199254740993, None, -(2**63)]),
        Column("share", "float", [0.1, None, -1e300]),
        Column("ok", "bool", [True, None, False]),
        Column("day", "date", [date(2024, 2, 29), None, date(1, 1, 1)]),
        Column("at", "timestamp", [MOMENT, None, datetime(1969, 12, 31, tzinfo=timezone.utc)]),
        Column("paid", "decimal", [Decimal("1234567890.12"), None, Decimal("-0.01")], scale=2),
    ]
)


def test_a_frame_of_pandas_keeps_types_and_nulls() -> None:
    frame = TABLE.to_pandas()
    kinds = ["string", "Int64", "float64", "boolean", "datetime64[s]", "datetime64[us, UTC]", "object"]
    assert [str(kind) for kind in frame.dtypes] == kinds
    assert frame["id"].tolist()[0] == "007"
    assert frame["n"].tolist()[::2] == [9007199254740993, -(2**63)]
    assert frame["day"].dt.year.tolist()[::2] == [2024, 1]
    assert frame["at"].iloc[0].to_pydatetime() == MOMENT
    assert frame["paid"].tolist() == [Decimal("1234567890.12"), None, Decimal("-0.01")]
    assert frame.isna().sum().tolist() == [1] * 7
    assert isinstance(Table([]).to_pandas(), pandas.DataFrame)


def test_a_frame_of_polars_keeps_types_and_nulls() -> None:
    frame = TABLE.to_polars()
    kinds = [polars.String, polars.Int64, polars.Float64, polars.Boolean, polars.Date]
    assert frame.dtypes == [*kinds, polars.Datetime("us", "UTC"), polars.Decimal(38, 2)]
    assert frame.rows() == list(TABLE)


def test_a_table_of_arrow_keeps_types_and_nulls() -> None:
    table = TABLE.to_arrow()
    kinds = ["string", "int64", "double", "bool", "date32[day]", "timestamp[us, tz=UTC]", "decimal128(38, 2)"]
    assert [str(kind) for kind in table.schema.types] == kinds
    assert isinstance(table, pyarrow.Table)
    assert [tuple(row.values()) for row in table.to_pylist()] == list(TABLE)


@pytest.mark.parametrize(
    ("method", "module"), [("to_pandas", "pandas"), ("to_polars", "polars"), ("to_arrow", "pyarrow")]
)
def test_a_missing_package_is_one_sentence(method: str, module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> Any:
        raise ImportError(name)

    monkeypatch.setattr("importlib.import_module", missing)
    with pytest.raises(unseen.UnseenError, match=f"^{module} is not installed: pip install {module}$"):
        getattr(TABLE, method)()


def test_without_tqdm_steps_are_lines(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    from unseen._progress import Bar

    found = builtins.__import__

    def without(name: str, *more: Any) -> Any:
        if name.startswith("tqdm"):
            raise ImportError(name)
        return found(name, *more)

    monkeypatch.setattr(builtins, "__import__", without)
    with Bar(3) as bar:
        bar.at(1, "j12 approved")
        bar.at(1, "j12 approved")
        bar.at(3, "j12 released")
    assert capsys.readouterr().err == "[1/3] j12 approved\n[3/3] j12 released\n"


def described(kind: str, form: str = "", csv: str = "") -> str:
    return f'[csv]\n{csv}\n[[column]]\nname = "a"\ntype = "{kind}"\n{form and f"format = {json.dumps(form)}"}\n'


@pytest.mark.parametrize(
    ("kind", "form", "text", "cell"),
    [
        ("date", "%Y%m%d", "20240229", date(2024, 2, 29)),
        ("date", "%d.%m.%y", "01.02.99", date(1999, 2, 1)),
        ("date", "%-d %B %Y", "9 September 2001", date(2001, 9, 9)),
        ("date", "%Y年%m月", "2024年03月", date(2024, 3, 1)),
        ("date", "%Y-%j", "2024-060", date(2024, 2, 29)),
        ("date", "excel-serial", "45351", date(2024, 2, 29)),
        ("date", "excel-serial", "1899-12-31", date(1899, 12, 31)),
        ("timestamp", "", "2024-02-29 23:59:58.123456", MOMENT),
        ("timestamp", "", "2024-03-01T07:59:58.123456+08:00", MOMENT),
        ("timestamp", "", "2024-02-29T23:59:58.123456Z", MOMENT),
        ("timestamp", "%F %T%.6f %z", "2024-03-01 07:59:58.123456 +0800", MOMENT),
        ("timestamp", "%D %I:%M:%S.%f %p", "02/29/24 11:59:58.123456000 PM", MOMENT),
        ("timestamp", "%s", "-86400", datetime(1969, 12, 31, tzinfo=timezone.utc)),
        ("timestamp", "excel-serial", "45351.5", datetime(2024, 2, 29, 12, tzinfo=timezone.utc)),
        ("bool", "", "true", True),
        ("bool", "", "false", False),
        ("text", "", "00123", "00123"),
        ("decimal", "", "-0.10", Decimal("-0.10")),
        ("float", "", "1e-7", 1e-7),
        ("int", "", "-9223372036854775808", -(2**63)),
    ],
)
def test_a_cell_is_read_by_its_description(kind: str, form: str, text: str, cell: object) -> None:
    [found] = read(f"a\n{text}\n".encode(), described(kind, form), "en")["a"]
    assert found == cell
    assert type(found) is type(cell)


def test_a_file_has_the_form_that_its_description_says() -> None:
    about = described(
        "text", csv='encoding = "gb18030"\ndelimiter = ";"\nskip = 1\nfooter = 1\nheader_lines = 2\nnull = ["无"]'
    )
    rows = 'title\nup\nper\n"武;进"\n无\n"a\nb"\ntotal\n'
    assert read(rows.encode("gb18030"), about, "en")["a"] == ["武;进", None, "a\nb"]
    assert read(b"x\ny\n", described("text", csv="header = false"), "en")["a"] == ["x", "y"]
    long = "x" * 500_000
    assert read(f"a\n{long}\n".encode(), described("text"), "en")["a"] == [long]


def test_rows_that_do_not_fit_are_refused_in_a_sentence() -> None:
    with pytest.raises(
        unseen.UnseenError, match="^the rows do not fit their description: column a is not int throughout$"
    ):
        read(b"a\nx\n", described("int"), "en")


def test_what_is_shown_is_cut_and_moves_no_cursor() -> None:
    table = Table([Column("名称", "text", ["\x1b[2J\r镇"] * 30)])
    lines = repr(table).splitlines()
    assert len(lines) == 22
    assert lines[-1] == "... of 30 rows"
    assert "\x1b" not in repr(table)
    assert "\r" not in repr(table)


@pytest.mark.parametrize(
    ("number", "form"),
    [
        (0.0, "0.0"), (-0.0, "-0.0"), (1.0, "1.0"), (1e-6, "1e-6"), (1e-5, "0.00001"), (-1.25e-5, "-0.0000125"),
        (0.00125, "0.00125"), (1e15, "1000000000000000.0"), (1e16, "1e+16"), (1.25e16, "1.25e+16"),
        (-1.5e300, "-1.5e+300"), (5e-324, "5e-324"), (2**63 - 1, "9223372036854775807"),
    ],
)  # fmt: skip
def test_numbers_have_one_form(number: float, form: str) -> None:
    assert canonical({"b": number, "a": "\u0001\u2028€"}) == f'{{"a":"\\u0001\u2028€","b":{form}}}'.encode()


def test_json_that_says_a_thing_twice_is_none() -> None:
    assert canonical({"b": [1, None, True], "a": {}}, as_declared=True) == b'{"b":[1,null,true],"a":{}}'
    for wrong in ('{"a":1,"a":2}', "NaN", "[" * 1_000_000):
        with pytest.raises(ValueError, match=r"."):
            strict(wrong)
    with pytest.raises(ValueError, match="no canonical form"):
        canonical(float("nan"))
