"""Whatever goes wrong is one sentence, with what to do; and what may pass, passes."""

from __future__ import annotations

import base64
import copy
import http.server
import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import Demo, Yard
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

import unseen
from unseen._canonical import canonical
from unseen._signing import PAYLOAD_TYPE, Key, Wish, pae, sign
from unseen._transport import reading


def test_a_key_that_is_not_enrolled_logs_nobody_in(demo: Demo, yard: Yard) -> None:
    for lang, part in (("en", "Is this key enrolled"), ("zh", "此密钥是否已登记")):
        with pytest.raises(unseen.Refused, match=part) as refused:
            unseen.connect(demo.plain_url, key=yard.folder / "analyst.pem", lang=lang)
        assert (refused.value.code, refused.value.status) == ("request.log-in", 401)
    with pytest.raises(unseen.Refused, match="this key is 王伟's, and not 张敏's"):
        demo.connect(person="张敏")
    with pytest.raises(unseen.Refused, match=r"connect\(\.\.\., key='key.pem'\)") as refused:
        unseen.connect(demo.plain_url)
    assert refused.value.code == "request.unknown"
    with pytest.raises(unseen.Refused, match="is the lab demo.unseen.example/wujin, and not lab.example/log"):
        demo.connect(log="lab.example/log")


def test_a_file_that_is_no_key_is_named(demo: Demo, tmp_path: Path) -> None:
    other = ec.generate_private_key(ec.SECP256R1())
    (tmp_path / "ec.pem").write_bytes(other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    (tmp_path / "text.pem").write_text("no key")
    for name in ("ec.pem", "text.pem"):
        with pytest.raises(unseen.Refused, match=f"{name}: this holds no Ed25519 private key in PEM") as refused:
            unseen.connect(demo.plain_url, key=tmp_path / name)
        assert refused.value.where == str(tmp_path / name)
    with pytest.raises(unseen.Refused, match=r"nothing.pem: No such file or directory$"):
        unseen.connect(demo.plain_url, key=tmp_path / "nothing.pem")
    with pytest.raises(unseen.Refused, match="a key on a token signs with the program"):
        unseen.connect(demo.plain_url, key="pkcs11:token=lab;object=me")
    with pytest.raises(unseen.Refused, match=r"text.pem: this holds no certificate, or key, in PEM"):
        unseen.connect(demo.url, key=demo.key("wang"), ca=tmp_path / "text.pem")


def test_an_address_is_that_of_a_lab(demo: Demo) -> None:
    for wrong in ("http://lab.example:8080", "https://", "https://a/b", "https://me@lab", "ftp://lab", "https://a:x"):
        with pytest.raises(unseen.Refused, match="is not the address of a lab: it begins with https://"):
            unseen.connect(wrong, key=demo.key("wang"))
    with pytest.raises(unseen.Refused, match="no lab is named: give its folder or address, or set UNSEEN_LAB"):
        unseen.connect()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        closed = f"http://127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(unseen.Unreachable, match=r"^127\.0\.0\.1:\d+ cannot be reached: ") as error:
        unseen.connect(closed, key=demo.key("wang"))
    assert error.value.__suppress_context__
    # The lab's certificate is from an authority that this machine does not know.
    with pytest.raises(unseen.Unreachable, match="CERTIFICATE_VERIFY_FAILED"):
        unseen.connect(demo.url, key=demo.key("wang"))


@pytest.fixture(params=[b"<html>hello</html>", b'{"token": "x"}', b"[1]", b""])
def stranger(request: pytest.FixtureRequest) -> Iterator[str]:
    """Something that speaks HTTP and is no lab."""

    class Page(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(self.server.page)  # type: ignore[attr-defined]

        def log_message(self, *_: Any) -> None:
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Page)
    server.page = request.param  # type: ignore[attr-defined]
    serving = threading.Thread(target=server.serve_forever)
    serving.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    serving.join()
    server.server_close()


def test_another_server_is_no_lab(stranger: str, demo: Demo) -> None:
    with pytest.raises(unseen.Unreachable, match=r"not a lab's answer \(200\): is this the address of a lab\?$"):
        unseen.connect(stranger, key=demo.key("wang"))


def test_a_job_that_is_wrong_is_refused_with_its_place(demo: Demo, yard: Yard, tmp_path: Path) -> None:
    job = demo.cheap_job(tmp_path / "job")
    good = (job / "job.toml").read_text(encoding="utf-8")
    there, here = demo.connect(), unseen.connect(demo.folder / "lab", key=demo.key("wang"))
    for lab in (there, here):
        (job / "job.toml").write_text(good.replace("rho = 0.001", "rho = 0.3"), encoding="utf-8")
        check = lab.check(job)
        assert (check.ok, check.code) == (False, "ledger.over-job-cap")
        assert "would be refused: " in repr(check)
        with pytest.raises(unseen.Refused, match="Lower rho in job.toml") as refused:
            lab.submit(job)
        assert refused.value.code == "ledger.over-job-cap"
        (job / "job.toml").write_text(good.replace("[grain]", "[grains]"), encoding="utf-8")
        with pytest.raises(
            unseen.Refused, match=r"job\.toml: line 11, column 2: `job\.toml` has no key `grains`"
        ) as refused:
            lab.check(job)
        if lab is there:
            assert refused.value.where == f"{job / 'job.toml'}:11:2"
        assert refused.value.code == "lab.manifest"
        (job / "job.toml").write_text(good.replace("[grain]", "[grain"), encoding="utf-8")
        for ask in (lab.check, lab.submit):
            with pytest.raises(unseen.Refused, match=r"job\.toml: line 11"):
                ask(job)
        (job / "job.toml").write_bytes(b"\xff")
        with pytest.raises(unseen.Refused, match=r"job\.toml: this is not UTF-8"):
            lab.check(job)
        (job / "job.toml").write_text(good.replace("ready-made:sum", "target/job.wasm"), encoding="utf-8")
        with pytest.raises(unseen.Refused, match="the job is not built yet: run `unseen job build`"):
            lab.submit(job)
        with pytest.raises(unseen.Refused, match="No such file or directory"):
            lab.check(tmp_path / "nothing")
        with pytest.raises(unseen.Refused) as refused:
            lab.job("j9999")
        assert refused.value.code == "ledger.no-such-job"


def test_a_review_keeps_a_change_from_being_signed(demo: Demo, tmp_path: Path) -> None:
    lab = demo.connect()
    before = repr(lab.jobs())
    with pytest.raises(unseen.Refused, match="it was not signed, as you said") as refused:
        lab.submit(demo.cheap_job(tmp_path / "job"), review=lambda statement: False)
    assert refused.value.code == "client.unsigned"
    assert repr(lab.jobs()) == before


def test_a_session_that_has_ended_is_begun_again(demo: Demo) -> None:
    lab, chinese = demo.connect(), demo.connect(lang="zh")
    demo.restart()
    assert len(lab.datasets()) == 3
    assert repr(chinese).startswith("实验室 demo.unseen.example/wujin")
    with pytest.raises(unseen.Refused, match=r"lab\.datasets\(\) 列出现有数据集"):
        chinese.dataset("nothing")


def test_one_waits_on_while_the_lab_is_away(demo: Demo, tmp_path: Path) -> None:
    lab = demo.connect()
    job = lab.submit(demo.cheap_job(tmp_path / "job"))
    with pytest.raises(unseen.Refused, match=f"^{job.id} is not released yet$") as refused:
        job.wait(timeout=0.1)
    assert refused.value.code == "client.not-yet"
    found: list[unseen.Job] = []
    waiting = threading.Thread(target=lambda: found.append(job.wait(60)))
    waiting.start()
    demo.serving.stop()
    # Two looks go by with nobody there.
    waiting.join(1.5)
    assert waiting.is_alive()
    demo.serve()
    demo.approve(job.id)
    waiting.join(60)
    assert found == [job]
    assert job.release().verify(lab.log_vkey).job == job.id


def test_a_lab_that_stays_away_is_unreachable(demo: Demo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("unseen.job.PATIENCE", 0.2)
    lab = demo.connect()
    job = lab.submit(demo.cheap_job(tmp_path / "job"))
    demo.serving.stop()
    try:
        with pytest.raises(unseen.Unreachable, match="cannot be reached"):
            job.wait(30)
    finally:
        demo.serve()
    job.withdraw("only tried")


def altered(value: Any) -> Iterator[Any]:
    """The same value with one thing in it changed."""
    if isinstance(value, dict):
        for name in value:
            yield {other: inside for other, inside in value.items() if other != name}
            for inside in altered(value[name]):
                yield {**value, name: inside}
        yield {**value, "more": 1}
    elif isinstance(value, list):
        yield [*value, "more"]
        for at, item in enumerate(value):
            for inside in altered(item):
                yield [*value[:at], inside, *value[at + 1 :]]
    elif isinstance(value, str):
        yield value + "0"
    else:
        yield value + 1


def test_nothing_else_than_what_was_wished_is_signed(demo: Demo) -> None:
    """The lab's draft with any one thing in it changed; what only the lab knows is the lab's to say."""
    key = Key(demo.key("wang"))
    change = reading("j10")
    statement: dict[str, Any] = {}

    with demo.connect() as lab:
        job = next(job for job in lab.jobs() if job.state == "released")
        change = reading(job.id)
        api: Any = lab._transport
        draft = api._json("POST", f"/v1/jobs/{job.id}/release/draft", params={"signer": key.public}, json={})
    to_sign = base64.b64decode(draft["toSign"])
    statement = json.loads(to_sign.split(b" ", 4)[4])
    entry = json.loads(sign(to_sign, change.wish, lab.origin, key, None, "en"))
    assert base64.b64decode(entry["payload"]) == canonical(statement)
    tried = 0
    for other in altered(copy.deepcopy(statement)):
        with pytest.raises(unseen.Refused, match="not what was wished: nothing was signed"):
            sign(pae(PAYLOAD_TYPE, canonical(other)), change.wish, lab.origin, key, None, "en")
        tried += 1
    assert tried > 25
    wrong = [b"", to_sign[:-1], to_sign + b" ", pae("text/plain", canonical(statement))]
    wrong.append(pae(PAYLOAD_TYPE, json.dumps(statement).encode()))
    for bytes_ in wrong:
        with pytest.raises(unseen.Refused, match="nothing was signed"):
            sign(bytes_, change.wish, lab.origin, key, None, "en")
    for wish, log in ((reading("j9").wish, lab.origin), (change.wish, "other.example/log")):
        with pytest.raises(unseen.Refused, match="nothing was signed"):
            sign(to_sign, wish, log, key, None, "en")
    with pytest.raises(unseen.Refused):
        sign(to_sign, Wish("urn:unseen:Approval/v1", change.wish.event, change.wish.more), lab.origin, key, None, "en")
