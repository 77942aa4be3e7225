"""A log of our own, whose keys we have: each lie in it is signed by everybody, and found all the same."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

import unseen
from unseen._signing import PAYLOAD_TYPE, STATEMENT_TYPE, pae
from unseen.receipt import FORMAT, Receipt, service_key

ORIGIN = "forged.example/log"
LOG, LAB, OWNER, WITNESS = (Ed25519PrivateKey.from_private_bytes(bytes([seed] * 32)) for seed in range(1, 5))


def public(key: Ed25519PrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def text64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def key_id(name: str, kind: int, key: Ed25519PrivateKey) -> bytes:
    return hashlib.sha256(f"{name}\n".encode() + bytes([kind]) + public(key)).digest()[:4]


def vkey(name: str, kind: int, key: Ed25519PrivateKey) -> str:
    return f"{name}+{key_id(name, kind, key).hex()}+{text64(bytes([kind]) + public(key))}"


def line(name: str, kind: int, key: Ed25519PrivateKey, text: str, time: int = 1_800_000_000) -> str:
    """A signature line of a log, or of a witness at a time."""
    stamp = time.to_bytes(8, "big") if kind == 4 else b""
    said = f"cosignature/v1\ntime {time}\n{text}" if kind == 4 else text
    return f"— {name} {text64(key_id(name, kind, key) + stamp + key.sign(said.encode()))}\n"


def entry(kind: str, event: dict[str, Any], subject: list[Any], signer: Ed25519PrivateKey, log: str = ORIGIN) -> bytes:
    predicate = {"log": log, "time": "2027-01-15T08:00:00Z", "nonce": "0" * 32, "event": event}
    said = {"_type": STATEMENT_TYPE, "subject": subject, "predicateType": kind, "predicate": predicate}
    payload = json.dumps(said).encode()
    keyid = hashlib.sha256(public(signer)).hexdigest()
    signature = {"keyid": keyid, "sig": text64(signer.sign(pae(PAYLOAD_TYPE, payload)))}
    envelope = {"payload": text64(payload), "payloadType": PAYLOAD_TYPE, "signatures": [signature]}
    return json.dumps(envelope).encode()


def created(signer: Ed25519PrivateKey = OWNER) -> bytes:
    event = {"ownerKey": public(OWNER).hex(), "serviceKey": public(LAB).hex()}
    return entry("urn:unseen:Lab/v1", event, [], signer)


def proof(entries: list[bytes], index: int, *, origin: str = ORIGIN, lines: str | None = None) -> str:
    """A tlog-proof of one of two entries."""
    leaves = [hashlib.sha256(b"\0" + each).digest() for each in entries]
    root = hashlib.sha256(b"\1" + leaves[0] + leaves[1]).digest()
    text = f"{origin}\n2\n{text64(root)}\n"
    lines = line(ORIGIN, 1, LOG, text) + (line("w", 4, WITNESS, text) if lines is None else lines)
    head = f"c2sp.org/tlog-proof@v1\nextra {text64(entries[index])}\nindex {index}\n{text64(leaves[1 - index])}\n"
    return f"{head}\n{text}\n{lines}"


BODY = '{"format":"unseen-release-v1","job":4,"run":6,"rounds":[],"postProcessing":[]}'


def receipt(body: str = BODY, event: dict[str, Any] | None = None, **lies: Any) -> Receipt:
    """A receipt of a release that is true but for what is given."""
    digest = hashlib.sha256(body.encode()).hexdigest()
    subject = lies.pop("subject", [{"name": "release", "digest": {"sha256": digest}}])
    said = {"job": 4, "run": 6, "body": f"sha256:{digest}", **(event or {})}
    released = entry("urn:unseen:Release/v1", said, subject, lies.pop("signer", LAB), lies.pop("log", ORIGIN))
    proved = proof([created(), released], 1, **lies)
    return Receipt(FORMAT, vkey(ORIGIN, 1, LOG), (vkey("w", 4, WITNESS),), 1, proved, body)


def test_without_a_lie_it_is_true() -> None:
    own = service_key(proof([created(), b"more"], 0), vkey(ORIGIN, 1, LOG))
    shown = receipt().verify(vkey(ORIGIN, 1, LOG), [vkey("w", 4, WITNESS)], service_key=own)
    assert (shown.job, shown.entry, shown.entries, shown.log) == ("j4", 1, 2, ORIGIN)
    assert shown.witnessed["w"].isoformat() == "2027-01-15T08:00:00+00:00"


@pytest.mark.parametrize(
    ("lie", "said"),
    [
        ({"event": {"body": "sha256:" + "0" * 64}}, "the numbers are NOT those that the log names"),
        ({"event": {"body": None}}, "the numbers are NOT those that the log names"),
        ({"subject": [{"name": "release", "digest": {"sha256": "0" * 64}}]}, "the numbers are NOT those"),
        ({"subject": []}, "the numbers are NOT those that the log names"),
        ({"event": {"job": 5}}, "the release is of another job or run"),
        ({"event": {"run": 7}}, "the release is of another job or run"),
        ({"body": "[]"}, "the release is of another job or run"),
        ({"body": "{"}, "the release is of another job or run"),
        ({"log": "other.example/log"}, "the entry was signed for the log other.example/log, and is in forged"),
        ({"origin": "other.example/log"}, "the checkpoint is of the log other.example/log"),
        ({"lines": ""}, "UNWITNESSED: 0 witnesses have cosigned its checkpoint, and 1"),
    ],
)
def test_each_lie_is_found(lie: dict[str, Any], said: str) -> None:
    with pytest.raises(unseen.NotVerified) as error:
        receipt(**lie).verify()
    assert error.value.sentence.startswith(said)


def test_the_labs_own_key_signs_releases() -> None:
    with pytest.raises(unseen.NotVerified, match="the lab's own key has not signed the entry"):
        receipt(signer=OWNER).verify(service_key=public(LAB))
    assert not receipt(signer=OWNER).verify().signature_checked
    for wrong in (proof([created(LAB), b"more"], 0), proof([b"more", created()], 1)):
        with pytest.raises(unseen.NotVerified, match="entry 0 of the log does not make a lab"):
            service_key(wrong, vkey(ORIGIN, 1, LOG))


def test_one_key_is_one_witness_and_signs_once() -> None:
    good = receipt()
    text = good.proof.split("\n\n")[1] + "\n"
    both = line("w", 4, WITNESS, text) + line("v", 4, WITNESS, text)
    names = (vkey("w", 4, WITNESS), vkey("v", 4, WITNESS))
    assert len(replace(receipt(lines=both), witnesses=names).verify().witnessed) == 1
    with pytest.raises(unseen.NotVerified, match="UNWITNESSED: 1 witnesses"):
        receipt(lines=both).verify(None, names)
    later = line("w", 4, WITNESS, text) + line("w", 4, WITNESS, text, 1_900_000_000)
    with pytest.raises(unseen.NotVerified, match="UNWITNESSED: 0 witnesses"):
        receipt(lines=later).verify()
    for time in (1 << 63, 260_000_000_000):
        with pytest.raises(unseen.NotVerified, match="UNWITNESSED: 0 witnesses"):
            receipt(lines=line("w", 4, WITNESS, text, time)).verify()
    with pytest.raises(unseen.NotVerified, match="has not signed the checkpoint"):
        receipt(lines=line("w", 4, WITNESS, text) + line(ORIGIN, 1, LOG, text + " ")).verify()


def test_a_witness_that_is_asked_for_twice_counts_once() -> None:
    w = vkey("w", 4, WITNESS)
    assert receipt().verify(None, [w, w]).witnessed.keys() == {"w"}
