"""One's own key, and what is signed with it: read first, and signed only if it says what was wished."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from ._canonical import canonical, strict
from .errors import JSON, Lang, Refused, told

PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
#: How far a draft's time may be from this machine's.
LEEWAY = timedelta(minutes=10)

#: Called with the statement that is about to be signed. What returns False keeps it from being signed.
Review = Callable[[JSON], object | None]


class Key:
    """A person's Ed25519 key, from a PKCS#8 PEM file. The private half stays in this process."""

    def __init__(self, file: str | Path, lang: Lang = "en") -> None:
        self.file = Path(file).expanduser().absolute()
        if str(file).startswith("pkcs11:"):
            raise Refused(
                "client.pem",
                told(
                    lang,
                    "a key on a token signs with the program `unseen`, not from Python",
                    "令牌上的密钥只能由程序 `unseen` 使用，不能在 Python 中签名",
                ),
            )
        try:
            found = load_pem_private_key(self.file.read_bytes(), password=None)
        except OSError as error:
            raise Refused("client.file", f"{self.file}: {error.strerror}", lang=lang) from None
        except (ValueError, TypeError, UnsupportedAlgorithm):
            found = None
        if not isinstance(found, Ed25519PrivateKey):
            raise Refused(
                "client.pem",
                told(
                    lang,
                    f"{self.file}: this holds no Ed25519 private key in PEM (PKCS#8, without a password)",
                    f"{self.file}：其中没有 PEM 格式的 Ed25519 私钥（PKCS#8，无口令）",
                ),
                data={"path": str(self.file)},
            )
        self._private = found
        raw = found.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        #: The public half: 64 hex digits.
        self.public = raw.hex()
        #: What envelopes call it: the SHA-256 of the raw public half, in hex.
        self.id = hashlib.sha256(raw).hexdigest()

    def sign(self, message: bytes) -> bytes:
        """An Ed25519 signature, 64 bytes."""
        return self._private.sign(message)

    def ssh_public(self) -> bytes:
        """The public half as a line of OpenSSH."""
        return self._private.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)


def needed(key: Key | None, lang: Lang) -> Key:
    """One's key. Raises Refused where none was given."""
    if key is None:
        sentence = told(
            lang, "this is signed with your own key, and none was given", "此操作须用本人密钥签名，而未给出密钥"
        )
        raise Refused("request.unknown", sentence, lang=lang)
    return key


@dataclass(frozen=True)
class Wish:
    """What an author wants to sign: the predicate type, and fields that its event must have."""

    kind: str
    event: JSON
    #: Fields that the event may have besides.
    more: tuple[str, ...] = ()


def pae(payload_type: str, payload: bytes) -> bytes:
    """What DSSE signs."""
    return b"DSSEv1 %d %s %d %s" % (len(payload_type), payload_type.encode(), len(payload), payload)


def sign(to_sign: bytes, wish: Wish, log: str, key: Key, review: Review | None, lang: Lang) -> bytes:
    """The envelope of a draft, if it says what was wished, for this log and now, and nothing besides.

    Raises Refused where it says anything else, or where `review` returns False.
    """
    try:
        payload, statement = _read(to_sign)
        fine = _says(statement, wish, log)
    except (ValueError, KeyError, TypeError, AttributeError):
        fine = False
    if not fine:
        raise Refused(
            "usecase.other-draft",
            told(
                lang,
                "what the lab gives to be signed is not what was wished: nothing was signed",
                "实验室给出的待签内容与所请求的不符：未签名",
            ),
        )
    if review is not None and review(statement) is False:
        raise Refused("client.unsigned", told(lang, "it was not signed, as you said", "已按您的意思不签名"))
    signature = {"keyid": key.id, "sig": base64.b64encode(key.sign(to_sign)).decode()}
    envelope = {
        "payload": base64.b64encode(payload).decode(),
        "payloadType": PAYLOAD_TYPE,
        "signatures": [signature],
    }
    return json.dumps(envelope, separators=(",", ":")).encode()


def _read(to_sign: bytes) -> tuple[bytes, JSON]:
    head = b"DSSEv1 %d %s " % (len(PAYLOAD_TYPE), PAYLOAD_TYPE.encode())
    length, _, payload = to_sign[len(head) :].partition(b" ")
    if not to_sign.startswith(head) or str(len(payload)).encode() != length:
        raise ValueError("not a pre-authentication encoding")
    statement = strict(payload)
    if canonical(statement) != payload:
        raise ValueError("not canonical")
    return payload, statement


def _says(statement: JSON, wish: Wish, log: str) -> bool:
    predicate = statement["predicate"]
    event = predicate["event"]
    time = datetime.fromisoformat(predicate["time"].split(".")[0].rstrip("Z") + "+00:00")
    return (
        set(statement) == {"_type", "subject", "predicateType", "predicate"}
        and statement["_type"] == STATEMENT_TYPE
        and statement["predicateType"] == wish.kind
        and set(predicate) == {"log", "time", "nonce", "event"}
        and predicate["log"] == log
        and abs(time - datetime.now(timezone.utc)) < LEEWAY
        and set(wish.event) <= set(event) <= {*wish.event, *wish.more}
        and all(event[name] == value for name, value in wish.event.items())
        and statement["subject"] == _subjects(predicate)
    )


def _subjects(predicate: JSON) -> list[JSON]:
    """The things that a statement is about, as docs/log-format.md, section 5, has them."""
    event = predicate["event"]
    if "manifest" not in event:
        return [_subject("predicate", hashlib.sha256(canonical(predicate)).hexdigest())]
    named = [("manifest", event["manifest"]), ("module", event["module"])]
    named += [(dataset["name"], dataset["snapshot"]) for dataset in event["datasets"]]
    return [_subject(name, digest.removeprefix("sha256:")) for name, digest in named]


def _subject(name: str, digest: str) -> JSON:
    return {"name": name, "digest": {"sha256": digest}}


def verified(public: bytes, message: bytes, signature: bytes) -> bool:
    """Whether an Ed25519 signature is this raw public key's."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def digest_of(content: bytes | str) -> str:
    """`sha256:` and 64 hex digits."""
    raw = content.encode() if isinstance(content, str) else content
    return f"sha256:{hashlib.sha256(raw).hexdigest()}"


def unbase64(text: Any) -> bytes:
    """RFC 4648, section 4, with padding, in its one spelling. ValueError where it is not that."""
    raw = base64.b64decode(text, validate=True)
    if base64.b64encode(raw).decode() != text:
        raise ValueError("not canonical base64")
    return raw
