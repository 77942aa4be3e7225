"""A question in SQL, over the API and over a folder: what it says before anything is spent, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest
from conftest import Demo, Yard

import unseen

SQL = "SELECT town, AVG(land) AS land_each FROM enterprises GROUP BY town"
LANGS: tuple[unseen.errors.Lang, ...] = ("en", "zh")


def here(demo: Demo, **more: Any) -> unseen.Lab:
    return unseen.connect(demo.folder / "lab", key=demo.key("wang"), **more)


def test_a_question_says_what_it_takes_and_costs_nothing(demo: Demo, tmp_path: Path) -> None:
    lab = demo.connect()
    before = len(lab.jobs())
    question = lab.ask(SQL, error="5 % of land_each", bounds={"land": (0, 100)}, title="用地")
    assert list(question.bounds) == [("land", 0.0, 100.0, 0.1), ("count_2", 0.0, 1.0, 1.0)]
    assert question.notes[0].endswith("Say otherwise with rows_per_unit.")
    assert any("`land`: one unit adds 0 to 100 to a group, as you say" in note for note in question.notes)
    names = question.errors["name"]
    assert names == ["land_each", "land", "count_2"]
    errors = question.errors.to_pandas().set_index("name")
    # The wished share, of what the mean of rows in the middle of their bounds is supposed to be.
    assert errors.loc["land_each", "supposed"] == pytest.approx(50.0)
    assert 2.4 < errors.loc["land_each", "within"] <= 2.5
    assert not errors["mostly_noise"].any()
    assert (question.warnings, question.check.ok) == ([], True)
    assert 0.05 < float(question.rho) < 0.1
    assert question.check.budget["of"] == ["enterprises", "enterprises", "enterprise"]
    assert "costs" in repr(question)
    assert "land_each" in repr(question)
    assert 'title = "用地"' in question.manifest
    # The same budget, said beforehand, has the same job.
    again = lab.ask(SQL, rho=question.rho, bounds={"land": (0, 100)}, title="用地")
    assert again.manifest == question.manifest
    file = question.save(tmp_path / "new" / "job")
    assert file.read_text(encoding="utf-8") == question.manifest
    assert lab.check(file).rho == question.rho
    with pytest.raises(FileExistsError):
        question.save(file.parent)
    assert len(lab.jobs()) == before


def test_the_folder_answers_as_the_api_does(demo: Demo) -> None:
    wish = {"error": 0.5, "bounds": {"land": (0, 100)}, "rows_per_unit": 1, "groups_per_unit": 2, "release": "+3h"}
    # In the demo's description a column has a null, an expression fits in one line, and a filter too.
    sql = "SELECT town, AVG(land) AS land_each FROM enterprises WHERE founded >= '2000-01-01' GROUP BY town"
    for lang in LANGS:
        there, folder = demo.connect(lang=lang), here(demo, lang=lang)
        assert repr(folder.ask(sql, **wish)) == repr(there.ask(sql, **wish))
        assert folder.ask(sql, **wish).manifest == there.ask(sql, **wish).manifest
        dear = {"rho": "0.3", "purpose": "-- to see what is said"}
        for lab in (there, folder):
            question = lab.ask(sql, **dear)
            assert question.check.code == "ledger.over-job-cap"
            [warning] = question.warnings
            assert ("would be refused" if lang == "en" else "提交会被拒绝") in warning
            assert (question.check.refusal or "").isascii() == (lang == "en")


def test_what_is_submitted_is_signed_with_ones_own_key(demo: Demo, monkeypatch: pytest.MonkeyPatch) -> None:
    # 张敏 is an operator, and analysts submit.
    question = demo.connect("zhang").ask(SQL, rho=0.0001, bounds={"land": (0, 100)})
    assert question.check.code == "ledger.wrong-role"
    with pytest.raises(unseen.Refused, match="张敏 is not an analyst"):
        question.submit()
    # A session that the program has left, without the key in it.
    demo.run("login", "--lab", demo.plain_url, "--key", str(demo.key("wang")))
    monkeypatch.setenv("XDG_STATE_HOME", demo.settings["XDG_STATE_HOME"])
    question = unseen.connect(demo.plain_url).ask(SQL, rho=0.0001, bounds={"land": (0, 100)})
    with pytest.raises(unseen.Refused, match="signed with your own key, and none was given"):
        question.submit()
    with pytest.raises(unseen.Refused, match="it was not signed, as you said"):
        question.submit(key=demo.key("wang"), review=lambda _: False)
    read: list[dict[str, Any]] = []
    job = question.submit(key=demo.key("wang"), review=read.append)
    assert read[0]["predicate"]["event"]["rho"] == "0.0001"
    assert (job.state, job.title) == ("submitted", SQL)
    assert job.withdraw("only tried").state == "withdrawn"
    # With a model in its manifest too, for which the log has a map of its own.
    for sql in (SQL, "SELECT MEDIAN(land) FROM enterprises"):
        mine = here(demo).ask(sql, rho=0.0001, bounds={"land": (0, 100)}).submit()
        assert mine.withdraw("only tried").state == "withdrawn"


#: A question that is not answered, the piece, and what is said of it.
FAULTS = [
    ("SELECT * FROM enterprises", "*", "`*` names every column", "`*` 指所有列"),
    ("SELECT town, RANK() OVER () FROM enterprises", "OVER", "a window function", "窗口函数"),
    ("SELECT SUM(town) FROM enterprises", "town", "`town` holds texts", "`town` 是文本"),
    (
        "SELECT town,\n  COUNT(*) FROM 企业 GROUP BY town",
        "企业",
        "there is no dataset `企业`: lab.datasets() says which",
        "没有数据集 `企业`：可用 lab.datasets() 查看",
    ),
    (
        "SELECT COUNT(*) FROM enterprises JOIN monthly ON enterprises.town = monthly.month",
        "enterprises.town = monthly.month",
        "rows are brought together by their unit only: write ON enterprises.uscc = monthly.uscc",
        "各行只能按单元放在一起：请写 ON enterprises.uscc = monthly.uscc",
    ),
]


@pytest.mark.parametrize(("sql", "piece", "en", "zh"), FAULTS, ids=[fault[1] for fault in FAULTS])
def test_what_is_not_answered_is_underlined(demo: Demo, sql: str, piece: str, en: str, zh: str) -> None:
    before = demo.run("lab", "show", "--lab", "lab")["entries"]
    for lang, sentence in zip(LANGS, (en, zh)):
        said = []
        for lab in (demo.connect(lang=lang), here(demo, lang=lang)):
            with pytest.raises(unseen.Refused) as refused:
                lab.ask(sql, rho=0.01)
            error = refused.value
            assert error.code == "question"
            assert sentence in error.sentence
            assert "\n" not in error.sentence
            line, marks = (error.underlined or "").split("\n")
            assert line in sql.split("\n")
            assert piece in line
            assert marks.strip("^ ") == ""
            assert str(error) == f"{error.sentence}\n{error.underlined}"
            said.append((error.sentence, error.underlined, error.data))
        assert said[0] == said[1]
    assert demo.run("lab", "show", "--lab", "lab")["entries"] == before


def test_a_wish_that_cannot_be_had_is_refused(demo: Demo) -> None:
    for lab in (demo.connect(), here(demo)):
        for wish in ({}, {"error": 5, "rho": 0.1}):
            with pytest.raises(unseen.Refused, match="say how exact each number shall be") as refused:
                lab.ask(SQL, **wish)
            assert refused.value.code == "ask.price"
        with pytest.raises(unseen.Refused, match=r"there is no group `上海` in this question$") as refused:
            lab.ask(SQL, error="5 % for 上海")
        assert refused.value.code == "ask.error"
        with pytest.raises(unseen.Refused, match="`five` is not an error: write it as"):
            lab.ask(SQL, error="five")
        for ends in ((0, float("inf")), (5,), "ab", None):
            with pytest.raises(unseen.Refused, match="the bounds of `land` are two numbers, such as") as refused:
                lab.ask(SQL, rho=0.01, bounds={"land": ends})  # type: ignore[dict-item]
            assert refused.value.code == "client.bounds"
        with pytest.raises(unseen.Refused, match=r'such as bounds=\{"land": \(0, 100\)\}\n'):
            lab.ask(SQL, rho=0.01, bounds={"land": (5, 1)})


def test_a_dataset_that_one_may_not_see_is_in_no_answer(demo: Demo) -> None:
    elsewhere = "SELECT town, SUM(output) FROM enterprises GROUP BY town"
    with pytest.raises(unseen.Refused, match="`monthly` has one, about the same unit: write JOIN monthly"):
        demo.connect().ask(elsewhere, rho=0.01)
    demo.run("key", "new", "wu.pem")
    enrol = ("person", "enroll", "--name", "吴敏", "--role", "analyst", "--new-key", "wu.pem")
    demo.run(*enrol, "--profile", "zhang")
    other = unseen.connect(demo.plain_url, key=demo.folder / "wu.pem")
    assert other.ask(SQL, rho=0.01).check.ok
    with pytest.raises(unseen.Refused, match="there is no column `output`") as refused:
        other.ask(elsewhere, rho=0.01)
    assert "monthly" not in str(refused.value)
    with pytest.raises(unseen.Refused, match="you may not see a dataset: ") as refused:
        other.ask("SELECT COUNT(*) FROM monthly", rho=0.01)
    assert (refused.value.code, refused.value.status) == ("request.denied", 403)
    # An auditor sees descriptions, and submits nothing.
    assert demo.connect("zhou").ask(SQL, rho=0.01).check.code == "ledger.wrong-role"
    # Whoever has not come in does not learn which datasets there are.
    for dataset in ("enterprises", "nothing"):
        asked = {"sql": f"SELECT COUNT(*) FROM {dataset}", "rho": "0.01"}
        said = httpx.post(f"{demo.plain_url}/v1/questions", json=asked, trust_env=False)
        assert (said.status_code, said.json()["code"]) == (401, "request.unknown")
    strange = {"sql": "SELECT COUNT(*) FROM enterprises", "rho": "0.01", "wish": 1}
    lab = demo.connect()
    said = lab._transport._http.post("/v1/questions", json=strange)  # type: ignore[attr-defined]
    assert (said.status_code, said.json()["code"]) == (400, "request.malformed")


def test_what_others_wrote_does_nothing_in_a_notebook(yard: Yard) -> None:
    with yard.connect() as lab:
        question = lab.ask(
            "SELECT town, SUM(paid) AS paid FROM parcels GROUP BY town", rho="0.00000001", rows_per_unit=12
        )
    assert "<b>" not in question._repr_html_()
    assert "<strong>" in question._repr_html_()
    assert any("mostly noise" in warning for warning in question.warnings)
