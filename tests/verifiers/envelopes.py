"""Verifies every entry of a log as a DSSE envelope, with securesystemslib and the keys that the log itself
enrols, and shows that the same envelopes are refused once altered. What was signed with SSH is verified with
ssh-keygen, what was signed by a passkey with pyca/cryptography.

    envelopes.py FOLDER

Ends with one line, and with 0 if that begins with OK.
"""

import base64
import copy
import hashlib
import json
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import SSlibKey
from tlog_scales.backend import make_backend
from tlog_scales.reader import TilesReader


class Refused(Exception):
    pass


def key(public):
    return SSlibKey(hashlib.sha256(bytes.fromhex(public)).hexdigest(), "ed25519", "ed25519", {"public": public})


def verify(entry, keys, threshold=1):
    """Who signed it. The library changes the dictionary that it reads."""
    return set(Envelope.from_dict(copy.deepcopy(entry)).verify(list(keys), threshold))


def pae(entry):
    payload = base64.b64decode(entry["payload"])
    return b"DSSEv1 %d %s %d %s" % (len(entry["payloadType"]), entry["payloadType"].encode(), len(payload), payload)


def by_ssh(entry):
    """The blob of an SSH signature, if it is one."""
    blob = base64.b64decode(entry["signatures"][0]["sig"])
    return blob if blob.startswith(b"SSHSIG") else None


def verify_ssh(entry, publics):
    """Whether one of these keys signed the envelope, by ssh-keygen. The blob names its key; that it is the one
    of the entry's key id is looked at here."""
    blob = by_ssh(entry)
    if blob is None:
        return False
    length = int.from_bytes(blob[10:14], "big")
    public = blob[14 : 14 + length]
    parts, at = [], 0
    while at < len(public):
        size = int.from_bytes(public[at : at + 4], "big")
        parts.append(public[at + 4 : at + 4 + size])
        at += 4 + size
    if parts[1].hex() not in publics or hashlib.sha256(parts[1]).hexdigest() != entry["signatures"][0]["keyid"]:
        return False
    signed = pae(entry)
    with tempfile.TemporaryDirectory() as folder:
        allowed, signature = Path(folder, "allowed"), Path(folder, "sig")
        allowed.write_text(f"who {parts[0].decode()} {base64.b64encode(public).decode()}\n")
        armored = base64.encodebytes(blob).decode()
        signature.write_text(f"-----BEGIN SSH SIGNATURE-----\n{armored}-----END SSH SIGNATURE-----\n")
        command = ["ssh-keygen", "-Y", "verify", "-f", allowed, "-I", "who", "-n", "unseen", "-s", signature]
        return subprocess.run(command, input=signed, capture_output=True).returncode == 0


def by_passkey(entry):
    """Authenticator data, client data and signature of a passkey, if it is one's."""
    blob = base64.b64decode(entry["signatures"][0]["sig"])
    if not blob.startswith(b"WEBAUTHN"):
        return None
    parts, at = [], 8
    while at < len(blob):
        size = int.from_bytes(blob[at : at + 4], "big")
        parts.append(blob[at + 4 : at + 4 + size])
        at += 4 + size
    return parts


def verify_passkey(entry, publics):
    """Whether one of these keys signed the envelope, asked by touch and PIN, as Web Authentication has it."""
    named = [public for public in publics if hashlib.sha256(bytes.fromhex(public)).hexdigest() == entry["signatures"][0]["keyid"]]
    parts = by_passkey(entry)
    if parts is None or not named:
        return False
    authenticator, client, signature = parts
    try:
        said = json.loads(client)
        digest = base64.urlsafe_b64encode(hashlib.sha256(pae(entry)).digest()).rstrip(b"=").decode()
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(named[0])).verify(
            signature, authenticator + hashlib.sha256(client).digest()
        )
    except (ValueError, InvalidSignature):
        return False
    return said["type"] == "webauthn.get" and said["challenge"] == digest and authenticator[32] & 5 == 5


def flipped(base64):
    return ("B" if base64[0] != "B" else "C") + base64[1:]


def altered(entry):
    """The same envelope with another payload, another type, another signature, another signer."""
    for field in ("payload", "payloadType"):
        yield {**entry, field: flipped(entry[field])}
    signature = entry["signatures"][0]
    yield {**entry, "signatures": [{**signature, "sig": flipped(signature["sig"])}]}


def refused(entry, keys, threshold, what):
    try:
        verify(entry, keys, threshold)
    except (VerificationError, ValueError):
        return
    raise Refused(f"SIGNATURE accepted though {what}")


def check(folder):
    reader = TilesReader(make_backend(str(folder)))
    size = reader.get_checkpoint().size
    entries = [json.loads(reader.get_entry(index)) for index in range(size)]
    keys, publics, ssh, passkeys, approvals = [], [], 0, 0, defaultdict(list)
    for index, entry in enumerate(entries):
        statement = json.loads(Envelope.from_dict(copy.deepcopy(entry)).payload)
        kind, event = statement["predicateType"], statement["predicate"].get("event")
        if index == 0:
            keys += [key(event["ownerKey"]), key(event["serviceKey"])]
        if by_ssh(entry):
            ssh += 1
            if not verify_ssh(entry, publics):
                raise Refused(f"SIGNATURE of entry {index}: ssh-keygen refuses it")
            if any(verify_ssh(other, publics) for other in altered(entry)):
                raise Refused(f"SIGNATURE accepted though entry {index} was altered")
        elif by_passkey(entry):
            passkeys += 1
            if not verify_passkey(entry, publics):
                raise Refused(f"SIGNATURE of entry {index}: it is not the passkey's")
            if any(verify_passkey(other, publics) for other in altered(entry)):
                raise Refused(f"SIGNATURE accepted though entry {index} was altered")
        else:
            try:
                verify(entry, keys)
            except VerificationError as why:
                raise Refused(f"SIGNATURE of entry {index}: {why}") from why
            for other in altered(entry):
                refused(other, keys, 1, f"entry {index} was altered")
            others = [known for known in keys if known.keyid != entry["signatures"][0]["keyid"]]
            refused(entry, others, 1, f"the signer of entry {index} is unknown")
        if kind == "urn:unseen:Enrolment/v1":
            keys.append(key(event["key"]))
            publics.append(event["key"])
        if kind == "urn:unseen:Approval/v1" and not (by_ssh(entry) or by_passkey(entry)):
            approvals[event["job"]].append(entry)
    for job, given in approvals.items():
        # Two people, an envelope each: that is two of two.
        people = set().union(*(verify(entry, keys) for entry in given))
        if len(people) != len(given):
            raise Refused(f"QUORUM of job {job}: {len(given)} approvals by {len(people)}")
        # One envelope is one approval, even with the other's signature put beside.
        both = {**given[0], "signatures": [one for entry in given for one in entry["signatures"]]}
        refused(both, keys, 2, f"the approvals of job {job} are of two payloads")
        twice = [dict(given[0]["signatures"][0]) for _ in range(2)]
        refused({**given[0], "signatures": twice}, keys, 2, "one signature was given twice")
    given = sum(map(len, approvals.values()))
    return f"{size} envelopes by {len(keys)} keys, {given} approvals, {ssh} by SSH, {passkeys} by passkeys"


def main():
    try:
        print("OK", check(Path(sys.argv[1]).resolve()))
    except Refused as why:
        sys.exit(print(why) or 1)
    except Exception as why:  # Whatever the libraries meet in damaged files.
        sys.exit(print("DAMAGED", repr(why)) or 1)


main()
