"""From made-up rows to a release that is proved, over the API."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest
from conftest import Demo

import unseen


def test_a_question_becomes_a_proved_answer(demo: Demo, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lab = demo.connect(person="王伟", log="demo.unseen.example/wujin")
    assert (lab.person, lab.origin) == ("王伟", "demo.unseen.example/wujin")
    assert lab.datasets()["name"] == ["enterprises", "industries", "monthly"]

    rows = lab.dataset("enterprises").twin(rows=40, seed=2)
    assert len(rows) == 40
    assert list(rows) == list(lab.dataset("enterprises").twin(rows=40, seed=2))
    assert list(rows) != list(lab.dataset("enterprises").twin(rows=40, seed=3))
    assert rows.types["founded"] == "date"

    check = lab.check(demo.job)
    assert (check.rho, check.ok, check.code) == ("0.1", True, None)
    assert check.errors["value"] == ["units", "land"]
    assert "costs 0.1 rho" in repr(check)

    read: list[dict[str, Any]] = []
    job = lab.submit(demo.job, review=read.append)
    assert read[0]["predicate"]["event"]["title"] == job.title == "各镇企业数与工业用地"
    assert (job.state, lab.jobs(state="submitted")[-1].id) == ("submitted", job.id)
    demo.approve(job.id)
    assert job.wait(60) is job
    assert "released" in capsys.readouterr().err

    release = job.release()
    output = release.outputs["by_town"]
    assert output.columns == ["town", "name", "value", "low", "high", "sd"]
    assert len(output) == 24
    land = output.value("land")
    assert land.columns == ["town", "value", "low", "high", "sd"]
    assert all(low < value < high and sd > 0 for _, value, low, high, sd in land)
    each = output.ratios["land_each"]
    units = dict(zip(land["town"], output.value("units")["value"]))
    for town, value, _, _ in each:
        assert value == pytest.approx(dict(zip(land["town"], land["value"]))[town] / units[town])

    shown = release.verify(log_vkey=lab.log_vkey)
    assert (shown.job, shown.digest, shown.entry) == (job.id, release.digest, release.entry)
    assert shown.log_key_known
    assert shown.signature_checked
    release.receipt().save(tmp_path / "receipt.json")
    with pytest.raises(FileExistsError):
        release.receipt().save(tmp_path / "receipt.json")
    assert unseen.verify(tmp_path / "receipt.json", log_vkey=lab.log_vkey).digest == release.digest
    # The lab's own program says the same of it.
    audited = demo.run("audit", "receipt", str(tmp_path / "receipt.json"), "--log-key", lab.log_vkey)
    assert (audited["digest"], audited["logKeyKnown"]) == (release.digest, True)


def test_one_takes_back_what_one_submitted(demo: Demo, tmp_path: Path) -> None:
    lab = demo.connect()
    job = lab.submit(demo.cheap_job(tmp_path / "job"))
    assert job.withdraw("-- a better version follows").state == "withdrawn"
    with pytest.raises(unseen.Refused, match=f"{job.id} was withdrawn: -- a better version follows") as refused:
        job.wait(5)
    assert refused.value.code == "client.job-withdrawn"
    with pytest.raises(unseen.Refused) as refused:
        job.release()
    assert refused.value.status == 409


def test_a_lost_answer_is_asked_for_again_and_counts_once(demo: Demo, tmp_path: Path) -> None:
    lab = demo.connect()
    line = Breaking(lab, "/v1/jobs", times=2)
    before = len(lab.jobs())
    job = lab.submit(demo.cheap_job(tmp_path / "job"))
    assert line.sent == 3
    assert len(lab.jobs()) == before + 1
    job.withdraw("only tried")


def test_a_line_that_stays_broken_is_said(demo: Demo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("unseen._api.RESTS", (0.0, 0.0))
    lab = demo.connect()
    Breaking(lab, "/v1/jobs", times=9)
    with pytest.raises(unseen.Unreachable, match=r"^localhost:\d+ cannot be reached: the line broke$") as error:
        lab.submit(demo.cheap_job(tmp_path / "job"))
    assert error.value.__cause__ is None
    assert error.value.__suppress_context__


@pytest.mark.parametrize(("status", "code"), [(503, "request.busy"), (429, "request.too-many")])
def test_a_lab_that_is_busy_is_asked_again(demo: Demo, tmp_path: Path, status: int, code: str) -> None:
    lab = demo.connect()
    said = {"type": f"urn:unseen:error:{code}", "title": "later", "detail": "later", "status": status, "code": code}
    busy = httpx.Response(status, json=said, headers={"content-type": "application/problem+json"})
    line = Breaking(lab, "/v1/jobs", times=1, instead=busy)
    job = lab.submit(demo.cheap_job(tmp_path / "job"))
    assert line.sent == 2
    Breaking(lab, f"/v1/jobs/{job.id}", times=1, instead=busy, method="GET")
    with pytest.raises(unseen.Refused, match="is not released yet"):
        job.wait(0.6)
    job.withdraw("only tried")


class Breaking(httpx.BaseTransport):
    """A line that breaks after a request was answered, before the answer is heard, or is answered by others."""

    def __init__(
        self,
        lab: unseen.Lab,
        path: str,
        times: int,
        instead: httpx.Response | None = None,
        method: str = "POST",
    ) -> None:
        self.path, self.method, self.left, self.sent, self.instead = path, method, times, 0, instead
        client: httpx.Client = lab._transport._http  # type: ignore[attr-defined]
        self.line = client._transport
        client._transport = self

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        response = self.line.handle_request(request)
        if request.method == self.method and request.url.path == self.path:
            self.sent += 1
            if self.left:
                self.left -= 1
                response.close()
                if self.instead is not None:
                    return self.instead
                raise httpx.ReadError("the line broke")
        return response

    def close(self) -> None:
        self.line.close()


def test_a_profile_and_the_variables_say_where_and_who(demo: Demo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNSEEN_CONFIG", str(demo.folder / "unseen.toml"))
    assert unseen.connect(profile="wang").person == "王伟"
    monkeypatch.setenv("UNSEEN_PROFILE", "chen")
    assert unseen.connect().person == "陈静"
    monkeypatch.setenv("UNSEEN_LAB", demo.plain_url)
    monkeypatch.setenv("UNSEEN_KEY", str(demo.key("zhang")))
    assert unseen.connect().person == "张敏"
    with pytest.raises(unseen.Refused, match="has no profile `nobody`; it has: zhang, li, chen, wang, zhou"):
        unseen.connect(profile="nobody")


def test_a_session_of_the_program_counts(demo: Demo, monkeypatch: pytest.MonkeyPatch) -> None:
    demo.run("login", "--lab", demo.plain_url, "--key", str(demo.key("wang")))
    monkeypatch.setenv("XDG_STATE_HOME", demo.settings["XDG_STATE_HOME"])
    lab = unseen.connect(demo.plain_url)
    assert lab.person == "王伟"
    assert len(lab.datasets()) == 3
    with pytest.raises(unseen.Refused, match="signed with your own key, and none was given"):
        lab.submit(demo.job)


def test_a_picture_has_every_group_and_its_interval(demo: Demo) -> None:
    lab = demo.connect()
    job = next(job for job in lab.jobs(state="released"))
    release = job.release()
    for value in ("units", "land_each"):
        ax = release.plot(value=value)
        labels = [label.get_text() for label in ax.get_yticklabels()]
        assert labels == release.outputs["by_town"].value("units")["town"]
        assert len(ax.containers[0].lines[2][0].get_segments()) == 12
        # A font that lacks Chinese signs says so in a warning, which is an error here.
        ax.figure.canvas.draw()
        ax.figure.clear()
    with pytest.raises(KeyError):
        release.plot(value="nothing")
