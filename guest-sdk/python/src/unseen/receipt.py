"""A receipt: one release in one file, with all that shows that it is the lab's, checked here and offline.

body     the release as it was opened  -> its digest
proof    the entry that announces it   -> names that digest, signed by the lab's own key
         its inclusion in a checkpoint -> signed by the log, cosigned by witnesses
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from ._canonical import strict
from ._signing import PAYLOAD_TYPE, STATEMENT_TYPE, digest_of, pae, unbase64, verified
from .errors import JSON, Lang, NotVerified, told

FORMAT = "unseen-receipt-v1"
RELEASE = "urn:unseen:Release/v1"
LAB_CREATED = "urn:unseen:Lab/v1"
#: The types of verifier keys: of a log, of a witness.
LOG, WITNESS = 1, 4
#: Seconds after which Python has no dates.
YEAR_10000 = 253_402_300_800


@dataclass(frozen=True)
class Receipt:
    """The file. `logKey`, `witnesses` and `quorum` are what the lab said; better known from elsewhere."""

    format: str
    logKey: str  # noqa: N815 -- as it stands in the file
    witnesses: tuple[str, ...]
    quorum: int
    proof: str
    body: str

    @classmethod
    def read(cls, file: str | Path | bytes, lang: Lang = "en") -> Receipt:
        """Reads a file, or its bytes. Nothing is verified. Raises NotVerified where it is no receipt."""
        try:
            said = strict(file if isinstance(file, bytes) else Path(file).read_bytes())
            fine = (
                set(said) == {field.name for field in fields(cls)}
                and all(isinstance(said[name], str) for name in ("format", "logKey", "proof", "body"))
                and isinstance(said["witnesses"], list)
                and all(isinstance(key, str) for key in said["witnesses"])
                and type(said["quorum"]) is int
                and said["quorum"] >= 0
                and said["format"] == FORMAT
                # What is no text has no bytes to be hashed.
                and bool(json.dumps(said, ensure_ascii=False).encode())
            )
        except (OSError, ValueError, TypeError):
            fine = False
        if not fine:
            raise NotVerified(told(lang, "this is no receipt of a release", "这不是发布凭证"))
        return cls(**{**said, "witnesses": tuple(said["witnesses"])})

    def save(self, file: str | Path) -> None:
        """Writes it as a new file, which `unseen-audit receipt` checks too. FileExistsError where there is one."""
        with Path(file).open("x", encoding="utf-8") as out:
            json.dump(asdict(self), out, ensure_ascii=False, indent=2)

    def verify(
        self,
        log_vkey: str | None = None,
        witnesses: Sequence[str] = (),
        quorum: int | None = None,
        *,
        service_key: bytes | str | None = None,
        lang: Lang = "en",
    ) -> Verified:
        """What it shows. Raises NotVerified, with the first thing that is not as it should be.

        Without `witnesses` those that the receipt names count, and as many as it asks for must have cosigned.
        `service_key` is the lab's own key, 32 bytes or 64 hex digits: with it the signature of the entry is checked
        too, without it that the log holds the entry.
        """
        own = _public(service_key, lang) if service_key is not None else None
        log = _vkey(log_vkey or self.logKey, LOG, lang)
        proof = _proof(self.proof, lang)
        origin, size, root = _opened(proof, log, lang)
        envelope, statement = _statement(proof.entry, lang)
        if own is not None and not _signed(envelope, own):
            raise NotVerified(
                told(lang, "the lab's own key has not signed the entry", "条目不是由实验室自己的密钥签名")
            )
        predicate = statement["predicate"]
        if statement["predicateType"] != RELEASE:
            raise NotVerified(told(lang, "the entry that it proves announces no release", "所证明的条目并不是发布条目"))
        if predicate["log"] != origin:
            raise NotVerified(
                told(
                    lang,
                    f"the entry was signed for the log {predicate['log']}, and is in {origin}",
                    f"该条目是为日志 {predicate['log']} 签署的，却在 {origin} 中",
                )
            )
        event, digest = predicate["event"], digest_of(self.body)
        subject = [{"name": "release", "digest": {"sha256": digest.removeprefix("sha256:")}}]
        if event.get("body") != digest or statement["subject"] != subject:
            raise NotVerified(
                told(
                    lang,
                    f"the numbers are NOT those that the log names: their digest is {digest}, the entry names {event.get('body')}",
                    f"数字与日志所载不符：其摘要为 {digest}，条目所载为 {event.get('body')}",
                )
            )
        body = _json(self.body)
        if not isinstance(body, dict) or [body.get("job"), body.get("run")] != [event.get("job"), event.get("run")]:
            raise NotVerified(told(lang, "the release is of another job or run", "该发布属于其他作业或运行"))
        trusted = [_vkey(key, WITNESS, lang) for key in dict.fromkeys(witnesses or self.witnesses)]
        seen = _witnessed(proof, trusted)
        needs = quorum if quorum is not None else len(trusted) if witnesses else self.quorum
        if len(seen) < needs:
            raise NotVerified(
                told(
                    lang,
                    f"UNWITNESSED: {len(seen)} witnesses have cosigned its checkpoint, and {needs} are asked for",
                    f"未经见证：{len(seen)} 个见证方联署了其检查点，而要求 {needs} 个",
                )
            )
        return Verified(
            job=f"j{event['job']}",
            digest=digest,
            log=origin,
            entry=proof.index,
            entries=size,
            root=root,
            time=str(predicate["time"]),
            signer=_signer(envelope),
            witnessed=dict(seen.values()),
            log_key_known=log_vkey is not None,
            signature_checked=own is not None,
            lang=lang,
        )


@dataclass(frozen=True)
class Verified:
    """What a receipt shows: `entry` of `entries` in the tree `root` of `log` names the release `digest` of `job`, and
    `witnessed` are those who have cosigned that tree, with the moments by their clocks.

    `signer` is the key whose signature the entry bears, by its SHA-256 in hex, as the envelope calls it; None where it
    bears none or several. `log_key_known` is whether the log's key came from you, `signature_checked` whether the entry's signature was
    checked against the lab's own key. That the lab was entitled to release it, only an audit of the log shows.
    """

    job: str
    digest: str
    log: str
    entry: int
    entries: int
    root: str
    time: str
    signer: str | None
    witnessed: dict[str, datetime]
    log_key_known: bool
    signature_checked: bool
    lang: Lang = "en"

    def __repr__(self) -> str:
        seen = ", ".join(f"{name} ({when:%Y-%m-%d %H:%M} UTC)" for name, when in self.witnessed.items())
        lines = [
            told(
                self.lang,
                f"These are the numbers of {self.job} that the log names: {self.digest}",
                f"这些数字就是日志所载的 {self.job} 的数字：{self.digest}",
            ),
            told(
                self.lang,
                f"entry {self.entry} of {self.entries} in {self.log}, root {self.root}",
                f"{self.log} 的 {self.entries} 个条目中的第 {self.entry} 个，根 {self.root}",
            ),
            told(self.lang, f"witnessed by {seen or 'nobody'}", f"见证方：{seen or '无'}"),
        ]
        if not self.log_key_known:
            lines.append(
                told(
                    self.lang,
                    "The log's key was the lab's own word: compare it with the one you know.",
                    "日志公钥取自实验室自述：请与您所知的核对。",
                )
            )
        return "\n".join(lines)


def verify(
    receipt: str | Path | bytes | Receipt,
    log_vkey: str | None = None,
    witnesses: Sequence[str] = (),
    quorum: int | None = None,
    lang: Lang = "en",
    service_key: bytes | str | None = None,
) -> Verified:
    """Checks a receipt offline: a file, its bytes, or one that was read. As `Receipt.verify`."""
    found = receipt if isinstance(receipt, Receipt) else Receipt.read(receipt, lang)
    return found.verify(log_vkey, witnesses, quorum, service_key=service_key, lang=lang)


def service_key(proof_of_first: str, log_vkey: str, lang: Lang = "en") -> bytes:
    """The lab's own key, as entry 0 of its log names it. Raises NotVerified where the proof of entry 0 proves none."""
    proof = _proof(proof_of_first, lang)
    _opened(proof, _vkey(log_vkey, LOG, lang), lang)
    envelope, statement = _statement(proof.entry, lang)
    try:
        event = statement["predicate"]["event"]
        owner, own = bytes.fromhex(event["ownerKey"]), bytes.fromhex(event["serviceKey"])
        fine = proof.index == 0 and statement["predicateType"] == LAB_CREATED and _signed(envelope, owner)
    except (KeyError, TypeError, ValueError):
        fine, own = False, b""
    if not fine:
        raise NotVerified(told(lang, "entry 0 of the log does not make a lab", "日志的第 0 个条目并未创建实验室"))
    return own


@dataclass(frozen=True)
class _Vkey:
    text: str
    name: str
    id: bytes
    key: bytes


@dataclass(frozen=True)
class _Proof:
    entry: bytes
    index: int
    path: list[bytes]
    #: The text of the checkpoint, and its signature lines: name, and bytes that begin with a key's ID.
    text: str
    lines: list[tuple[str, bytes]]


def _vkey(text: str, kind: int, lang: Lang) -> _Vkey:
    """C2SP signed-note: NAME+ID+BASE64, the ID a hash of all else."""
    text = text.strip()
    try:
        name, stated, base64 = text.split("+", 2)
        material = unbase64(base64)
        own = hashlib.sha256(name.encode() + b"\n" + material).digest()[:4]
        fine = bool(re.fullmatch(r"[^\s+\x00-\x1f]+", name)) and own.hex() == stated
        fine = fine and len(material) == 33 and material[0] == kind
    except ValueError:
        fine = False
    if not fine:
        what = told(lang, "a log's", "日志") if kind == LOG else told(lang, "a witness's", "见证方")
        raise NotVerified(told(lang, f"{text!r} is not {what} verifier key", f"{text!r} 不是{what}的验证公钥"))
    return _Vkey(text, name, own, material[1:])


def _proof(text: str, lang: Lang) -> _Proof:
    """C2SP tlog-proof, with the entry in its line `extra`."""
    try:
        head, note = text.split("\n\n", 1)
        first, extra, index, *path = head.split("\n")
        if first != "c2sp.org/tlog-proof@v1" or not extra.startswith("extra ") or not index.startswith("index "):
            raise ValueError(head)
        hashes = [unbase64(line) for line in path]
        if len(hashes) > 64 or any(len(found) != 32 for found in hashes):
            raise ValueError(head)
        at = note.rindex("\n\n")
        signed, below = note[: at + 1], note[at + 2 :]
        if not below.endswith("\n") or re.search(r"[\x00-\x09\x0b-\x1f]", signed):
            raise ValueError(note)
        lines = [_line(line) for line in below[:-1].split("\n")]
        return _Proof(unbase64(extra[6:]), _whole(index[6:]), hashes, signed, lines)
    except ValueError:
        raise NotVerified(
            told(lang, "its proof is not a tlog-proof with an entry in it", "其证明不是带有条目的 tlog-proof")
        ) from None


def _line(line: str) -> tuple[str, bytes]:
    found = re.fullmatch(r"— ([^\s+]+) (\S+)", line)
    if found is None:
        raise ValueError(line)
    return found[1], unbase64(found[2])


def _whole(digits: str) -> int:
    if not re.fullmatch(r"0|[1-9][0-9]{0,18}", digits):
        raise ValueError(digits)
    return int(digits)


def _opened(proof: _Proof, log: _Vkey, lang: Lang) -> tuple[str, int, str]:
    """The log's name, size and root, if its key has signed them and the entry is in that tree."""
    signature = _signature(proof, log)
    if signature is None or not verified(log.key, proof.text.encode(), signature):
        raise NotVerified(told(lang, f"{log.text} has not signed the checkpoint", f"检查点没有 {log.text} 的签名"))
    origin, size, root, *more = proof.text[:-1].split("\n")
    if origin != log.name or "" in more:
        raise NotVerified(told(lang, f"the checkpoint is of the log {origin}", f"该检查点属于日志 {origin}"))
    leaf = hashlib.sha256(b"\0" + proof.entry).digest()
    try:
        fine = _root(leaf, proof.index, _whole(size), proof.path) == unbase64(root)
    except ValueError:
        fine = False
    if not fine:
        raise NotVerified(
            told(
                lang,
                "the proof leads to another root: the entry is not in this log",
                "证明得出另一个根：日志中没有该条目",
            )
        )
    return origin, int(size), root


def _root(leaf: bytes, index: int, size: int, path: list[bytes]) -> bytes:
    """RFC 6962, section 2.1.1: the root that a leaf and its path lead to."""
    at, last, found = index, size - 1, leaf
    if at > last:
        raise ValueError(index)
    for beside in path:
        if last == 0:
            raise ValueError(path)
        if at % 2 == 1 or at == last:
            found = hashlib.sha256(b"\1" + beside + found).digest()
            while at % 2 == 0 and at != 0:
                at, last = at // 2, last // 2
        else:
            found = hashlib.sha256(b"\1" + found + beside).digest()
        at, last = at // 2, last // 2
    if last != 0:
        raise ValueError(path)
    return found


def _signature(proof: _Proof, key: _Vkey) -> bytes | None:
    """What stands in the one line of a key."""
    own = [raw[4:] for name, raw in proof.lines if name == key.name and raw[:4] == key.id]
    return own[0] if len(own) == 1 else None


def _witnessed(proof: _Proof, trusted: list[_Vkey]) -> dict[bytes, tuple[str, datetime]]:
    """C2SP tlog-cosignature: who has seen the checkpoint, and when. One key is one witness, under however many names."""
    found = {}
    for witness in trusted:
        raw = _signature(proof, witness) or b""
        time = int.from_bytes(raw[:8], "big")
        said = f"cosignature/v1\ntime {time}\n{proof.text}".encode()
        if len(raw) == 72 and time < YEAR_10000 and verified(witness.key, said, raw[8:]):
            found[witness.key] = (witness.name, datetime.fromtimestamp(time, timezone.utc))
    return found


def _statement(entry: bytes, lang: Lang) -> tuple[JSON, JSON]:
    """The envelope and the in-toto statement of an entry, whoever signed it."""
    try:
        envelope = strict(entry)
        statement = strict(unbase64(envelope["payload"]))
        fine = (
            set(envelope) == {"payload", "payloadType", "signatures"}
            and envelope["payloadType"] == PAYLOAD_TYPE
            and set(statement) == {"_type", "subject", "predicateType", "predicate"}
            and statement["_type"] == STATEMENT_TYPE
            and isinstance(statement["predicate"]["event"], dict)
            and isinstance(statement["predicate"]["log"], str)
        )
    except (ValueError, KeyError, TypeError):
        fine = False
    if not fine:
        raise NotVerified(told(lang, "the entry that it proves announces no release", "所证明的条目并不是发布条目"))
    return envelope, statement


def _signed(envelope: JSON, key: bytes) -> bool:
    """Whether a DSSE envelope has one signature, and that is this key's."""
    try:
        [signature] = envelope["signatures"]
        message = pae(PAYLOAD_TYPE, unbase64(envelope["payload"]))
        return signature["keyid"] == hashlib.sha256(key).hexdigest() and verified(
            key, message, unbase64(signature["sig"])
        )
    except (ValueError, KeyError, TypeError):
        return False


def _signer(envelope: JSON) -> str | None:
    """What an envelope calls the key of its one signature."""
    try:
        [signature] = envelope["signatures"]
        keyid = signature["keyid"]
    except (ValueError, KeyError, TypeError):
        return None
    return keyid if isinstance(keyid, str) else None


def _public(key: bytes | str, lang: Lang) -> bytes:
    """A raw public key. Raises NotVerified where it is none."""
    try:
        raw = bytes.fromhex(key) if isinstance(key, str) else key
    except ValueError:
        raw = b""
    if len(raw) != 32:
        raise NotVerified(told(lang, f"{key!r} is no key: 64 hex digits", f"{key!r} 不是公钥：应为 64 位十六进制数字"))
    return raw


def _json(text: str) -> Any:
    try:
        return strict(text)
    except ValueError:
        return None
