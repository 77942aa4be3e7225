"""A lab's folder is asked through the program, and answers as the API does."""

from __future__ import annotations

import stat
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from conftest import MANIFEST, OTHER_LOG, Demo, Yard

import unseen


def test_the_folder_answers_as_the_api_does(demo: Demo) -> None:
    there = demo.connect()
    here = unseen.connect(demo.folder / "lab", key=demo.key("wang"))
    assert (here.person, here.origin, here.log_vkey) == (there.person, there.origin, there.log_vkey)
    assert list(here.datasets()) == list(there.datasets())
    for name in ("enterprises", "industries", "monthly"):
        assert repr(here.dataset(name)) == repr(there.dataset(name))
        assert list(here.dataset(name).twin(50, 7)) == list(there.dataset(name).twin(50, 7))
    assert list(here.dataset("industries").table()) == list(there.dataset("industries").table())
    assert repr(here.check(demo.job)) == repr(there.check(demo.job))
    # What one signs here, the other sees; who withdraws it, too.
    job = here.submit(demo.job)
    assert there.job(job.id).title == job.title
    there.job(job.id).withdraw("only compared")
    assert repr(here.jobs()) == repr(there.jobs())
    assert [job.id for job in here.jobs(state="withdrawn")] == [job.id for job in there.jobs(state="withdrawn")]
    for lang in ("en", "zh"):
        refusals = []
        for lab in (demo.connect(lang=lang), unseen.connect(demo.folder / "lab", key=demo.key("wang"), lang=lang)):
            with pytest.raises(unseen.Refused) as refused:
                lab.dataset("nothing")
            refusals.append((refused.value.code, refused.value.sentence, refused.value.advice, refused.value.data))
        assert refusals[0] == refusals[1]
        assert refusals[0][0] == "ledger.no-such-dataset"


def test_a_release_that_a_witness_has_seen(yard: Yard, tmp_path: Path) -> None:
    job = yard.released()
    with yard.connect() as lab:
        release = lab.job(job.id).release()
        assert release.rho == "0.2"
        assert release.outputs["by-town"].value("units")["town"] == ["<b>north</b>", "south & co"]
        shown = release.verify(yard.vkey, [yard.witness])
    assert list(shown.witnessed) == ["w1.example/witness"]
    release.receipt().save(tmp_path / "receipt.json")
    assert unseen.verify(tmp_path / "receipt.json", yard.vkey, [yard.witness]).digest == release.digest
    other = yard.run("witness", "init", str(tmp_path / "w2"), "--name", "w2.example/witness")["verifierKey"]
    with pytest.raises(unseen.NotVerified, match="UNWITNESSED: 1 witnesses .*, and 2 are asked for"):
        release.verify(yard.vkey, [yard.witness, other])
    assert release.verify(yard.vkey, [yard.witness, other], quorum=1).witnessed == shown.witnessed
    with pytest.raises(unseen.NotVerified, match="has not signed the checkpoint"):
        release.verify(log_vkey=OTHER_LOG)


def test_what_is_due_at_a_folder_is_published_by_its_reader(
    yard: Yard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("unseen.job.DUE", 0.2)
    later = MANIFEST.replace('release = "now"', 'release = "+2s"').replace("rho = 0.2", "rho = 0.1")
    (tmp_path / "job.toml").write_text(later, encoding="utf-8")
    with yard.connect() as lab:
        job = lab.submit(tmp_path)
        yard.run("job", "approve", job.id, "--key", "operator.pem")
        yard.run("job", "run", job.id, "--key", "operator.pem")
        assert job.state == "running"
        with pytest.raises(unseen.Refused) as refused:
            job.release()
        assert refused.value.code == "lab.sealed"
        assert job.wait(30).state == "running"
        assert job.release().verify(yard.vkey, [yard.witness]).job == job.id
        assert job.state == "released"


def test_rows_are_what_their_description_says(yard: Yard) -> None:
    with yard.connect(None) as lab:
        table = lab.dataset("regions").table()
        assert list(table) == [
            ("007", date(1949, 10, 1), Decimal("0.125"), 9007199254740993),
            ("012", None, Decimal("1.000"), None),
        ]
        twin = lab.dataset("parcels").twin(rows=400)
        assert all(code.startswith("00") and len(code) == 6 for code in twin["code"])
        assert {type(cell).__name__ for cell in twin["day"]} == {"date", "NoneType"}
        assert {type(cell).__name__ for cell in twin["paid"]} == {"Decimal", "NoneType"}
        # -9 stands for no value, and least is 1.
        assert None in twin["floors"]
        assert all(cell is None or 1 <= cell <= 60 for cell in twin["floors"])
        with pytest.raises(unseen.Refused, match=r"the rows of parcels are private; twin\(\) gives made-up ones"):
            lab.dataset("parcels").table()


def test_what_others_wrote_does_nothing_in_a_notebook(yard: Yard) -> None:
    job = yard.released()
    with yard.connect() as lab:
        release = lab.job(job.id).release()
        shown = [lab, lab.datasets(), lab.dataset("parcels"), lab.dataset("parcels").twin(9), lab.jobs()]
        shown += [lab.check(yard.folder / "job"), job, release, release.outputs["by-town"]]
    pages = [page._repr_html_() for page in shown]
    whole = "".join(pages)
    for hostile in ("<script", "<img", "<b>", "<i>"):
        assert hostile not in whole, hostile
    for escaped in ("&lt;script&gt;", "&lt;img src=x", "&lt;b&gt;north&lt;/b&gt;", "Land &amp; &lt;i&gt;Tax"):
        assert escaped in whole, escaped


def test_a_key_that_is_not_enrolled_is_somebody_elses(yard: Yard, demo: Demo) -> None:
    with pytest.raises(unseen.Refused, match="this key is not enrolled in the lab") as refused:
        unseen.connect(yard.folder / "lab", key=demo.key("wang"))
    assert refused.value.code == "ledger.not-enrolled"
    with pytest.raises(unseen.Refused, match="this key is analyst's, and not steward's"):
        yard.connect(person="steward")
    with pytest.raises(unseen.Refused, match="is the lab yard.example/log, and not other.example/log"):
        yard.connect(log="other.example/log")
    with yard.connect(None) as lab, pytest.raises(unseen.Refused, match="and none was given"):
        lab.submit(yard.folder / "job")


def test_without_the_program_one_sentence_says_so(yard: Yard, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("UNSEEN_BIN", str(tmp_path / "nowhere"))
    with pytest.raises(unseen.Unreachable, match="the program .*nowhere is not found: .* name it in UNSEEN_BIN$"):
        yard.connect()
    monkeypatch.delenv("UNSEEN_BIN")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(unseen.Unreachable, match="the program unseen is not found"):
        yard.connect()
    broken = tmp_path / "unseen"
    broken.write_text("#!/bin/sh\necho this is no lab >&2\nexit 3\n")
    broken.chmod(broken.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(unseen.Unreachable, match="gave no answer: this is no lab"):
        yard.connect()


def test_a_folder_that_is_no_lab_is_refused(yard: Yard, tmp_path: Path) -> None:
    with pytest.raises(unseen.Refused) as refused:
        unseen.connect(tmp_path)
    assert refused.value.code == "lab.no-lab"
    assert "unseen lab init" in str(refused.value)
