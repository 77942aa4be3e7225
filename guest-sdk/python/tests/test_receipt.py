"""A receipt that was altered anywhere proves nothing, and one sentence says why."""

from __future__ import annotations

import base64
import hashlib
import json
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from conftest import OTHER_LOG, Yard

import unseen
from unseen.receipt import Receipt, service_key


@pytest.fixture(scope="module")
def receipt(yard: Yard) -> Receipt:
    return yard.released().release().receipt()


def refused(receipt: Receipt, *known: Any) -> str:
    """The one sentence with which a receipt is refused."""
    with pytest.raises(unseen.NotVerified) as error:
        receipt.verify(*known)
    assert str(error.value) == error.value.sentence
    assert "\n" not in error.value.sentence
    assert error.value.__cause__ is None
    return error.value.sentence


def flipped(text: str, at: int) -> str:
    """Another sign of base64 in a place."""
    return text[:at] + ("B" if text[at] != "B" else "C") + text[at + 1 :]


def test_every_sign_of_the_proof_counts(receipt: Receipt, yard: Yard) -> None:
    """Each line of it, at its beginning, in the middle and at its end."""
    assert receipt.verify(yard.vkey, [yard.witness]).witnessed
    start = 0
    tried = 0
    for line in receipt.proof.split("\n"):
        for at in {start, start + len(line) // 2, start + max(len(line) - 2, 0)} if line else set():
            refused(replace(receipt, proof=flipped(receipt.proof, at)), yard.vkey, [yard.witness])
            tried += 1
        refused(replace(receipt, proof=receipt.proof[:start] + "\n" + receipt.proof[start:]), yard.vkey, [yard.witness])
        start += len(line) + 1
    assert tried > 30
    for cut in range(0, len(receipt.proof), 97):
        refused(replace(receipt, proof=receipt.proof[:cut]), yard.vkey, [yard.witness])


def test_every_number_of_the_body_counts(receipt: Receipt, yard: Yard) -> None:
    said = refused(replace(receipt, body=receipt.body.replace('"value":"', '"value":"1', 1)))
    assert said.startswith("the numbers are NOT those that the log names: their digest is sha256:")
    for at in range(0, len(receipt.body), 13):
        refused(replace(receipt, body=flipped(receipt.body, at)))
    refused(replace(receipt, body=""))
    refused(replace(receipt, body=receipt.body + " "))


def test_the_keys_in_it_count(receipt: Receipt, yard: Yard) -> None:
    assert "has not signed the checkpoint" in refused(replace(receipt, logKey=OTHER_LOG))
    for at in (0, receipt.logKey.index("+") + 2, len(receipt.logKey) - 3):
        refused(replace(receipt, logKey=flipped(receipt.logKey, at)))
    # A log's key is no witness's, nor the other way round.
    assert "is not a log's verifier key" in refused(replace(receipt, logKey=yard.witness))
    assert "is not a witness's verifier key" in refused(receipt, yard.vkey, [yard.vkey])
    assert "is not a witness's" in refused(replace(receipt, witnesses=(flipped(yard.witness, 3),)))
    assert "UNWITNESSED: 0 witnesses" in refused(replace(receipt, witnesses=()))
    assert "UNWITNESSED: 1 witnesses have cosigned its checkpoint, and 2" in refused(replace(receipt, quorum=2))
    # Twice the same key is one witness.
    assert "UNWITNESSED" in refused(replace(receipt, witnesses=(yard.witness, f"{yard.witness} "), quorum=2))
    # What the lab says of its quorum is signed by nobody: whoever brings witnesses along does not go by it.
    lowered = replace(receipt, quorum=0, witnesses=())
    assert lowered.verify().witnessed == {}
    assert list(lowered.verify(yard.vkey, [yard.witness]).witnessed) == ["w1.example/witness"]


def test_another_entry_of_the_log_is_no_release(receipt: Receipt, yard: Yard) -> None:
    proofs = [yard.run("log", "prove", str(entry))["proof"] for entry in range(3)]
    for proof in proofs:
        said = refused(replace(receipt, proof=proof, witnesses=(), quorum=0), yard.vkey)
        assert said == "the entry that it proves announces no release"
    other = yard.released().release().receipt()
    assert "the numbers are NOT those" in refused(replace(receipt, body=other.body))
    # Entry 0 makes the lab and names its own key; no other entry does.
    own = service_key(proofs[0], yard.vkey)
    assert receipt.verify(yard.vkey, service_key=own).signature_checked
    with yard.connect(None) as lab:
        assert lab.service_key == own.hex()
    shown = unseen.verify(receipt, yard.vkey, service_key=own.hex())
    assert (shown.signature_checked, shown.signer) == (True, hashlib.sha256(own).hexdigest())
    assert unseen.verify(receipt, yard.vkey).signer == shown.signer
    for wrong in ("xy", "00" * 31, b"\0" * 33):
        with pytest.raises(unseen.NotVerified, match="is no key: 64 hex digits"):
            unseen.verify(receipt, yard.vkey, service_key=wrong)
    with pytest.raises(unseen.NotVerified, match="entry 0 of the log does not make a lab"):
        service_key(proofs[1], yard.vkey)
    with pytest.raises(unseen.NotVerified, match="the lab's own key has not signed the entry"):
        receipt.verify(yard.vkey, service_key=bytes(32))


def test_the_file_is_a_receipt_and_nothing_else(receipt: Receipt, yard: Yard, tmp_path: Path) -> None:
    file = tmp_path / "receipt.json"
    receipt.save(file)
    good = json.loads(file.read_bytes())
    assert Receipt.read(file) == receipt
    wrong: list[Any] = [[], "receipt", None, {**good, "more": 1}]
    wrong += [{name: value for name, value in good.items() if name != left} for left in good]
    wrong += [{**good, name: [good[name]]} for name in good]
    wrong += [{**good, "format": "unseen-receipt-v2"}, {**good, "quorum": -1}, {**good, "quorum": True}]
    wrong += [{**good, "witnesses": [1]}, {**good, "witnesses": yard.witness}]
    for other in wrong:
        with pytest.raises(unseen.NotVerified, match="^this is no receipt of a release$"):
            unseen.verify(json.dumps(other).encode())
    for name in ("body", "proof", "logKey"):
        with pytest.raises(unseen.NotVerified, match="^this is no receipt of a release$"):
            unseen.verify(json.dumps({**good, name: good[name] + "\ud800"}).encode())
    twice = file.read_text(encoding="utf-8").replace('"quorum": 1', '"quorum": 0, "quorum": 1')
    for broken in (b"", b"\xff", twice.encode(), b"[" * 1_000_000):
        with pytest.raises(unseen.NotVerified, match="^this is no receipt of a release$"):
            unseen.verify(broken)
    with pytest.raises(unseen.NotVerified, match="^这不是发布凭证$"):
        unseen.verify(tmp_path / "nothing", lang="zh")


def test_a_file_that_was_damaged_is_refused_or_proves_the_same(receipt: Receipt, yard: Yard, tmp_path: Path) -> None:
    """Whatever one or two bytes become, nothing but NotVerified is raised, and no other numbers are proved."""
    receipt.save(tmp_path / "receipt.json")
    good = (tmp_path / "receipt.json").read_bytes()
    chance = random.Random(1)
    proved = 0
    for _ in range(600):
        damaged = bytearray(good)
        for _ in range(chance.choice((1, 2))):
            damaged[chance.randrange(len(damaged))] = chance.choice(b'"{}[],:\\ 0aB=\n\xff')
        try:
            found = unseen.verify(bytes(damaged), yard.vkey, [yard.witness])
        except unseen.NotVerified:
            continue
        proved += 1
        assert found.digest == receipt.verify().digest
    # The lab's word on its key and witnesses, and blanks, are what is not looked at.
    assert proved < 100


def test_the_lab_cannot_give_other_numbers(yard: Yard) -> None:
    release = yard.released().release()
    value = release._said["rounds"][0]["outputs"][0]["groups"][0]["values"][0]
    value["value"] = str(int(value["value"]) + 1)
    with pytest.raises(unseen.NotVerified, match="^the lab gave other numbers than its log names"):
        release.verify()


def test_what_is_shown_says_whose_word_the_key_was(receipt: Receipt, yard: Yard) -> None:
    known, taken = receipt.verify(yard.vkey), receipt.verify()
    assert (known.log_key_known, taken.log_key_known) == (True, False)
    assert "witnessed by w1.example/witness (20" in repr(known)
    assert "The log's key was the lab's own word" in repr(taken)
    assert "The log's key" not in repr(known)
    assert len(base64.b64decode(known.root)) == 32
