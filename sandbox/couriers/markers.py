"""What nobody but the lab and the workers of nodes may have, and where it is looked for.

Markers are the names of units in the raw rows and the secret bytes of keys: of the lab, of its nodes, of the snapshot
and of the run. They are looked for as they are, in UTF-16 (names), and in hex and Base64 (keys), in files and in the
memory of processes. It needs the demo's rows, Linux, and the right to read the memory of the processes: root's.
"""

import base64
import hashlib
import hmac
import subprocess
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

# At once in memory, and how much of it is looked at again with the next part.
PART, OVERLAP, PAGE = 1 << 26, 256, 4096


class Markers:
    """What is looked for: the marker's bytes and what it is called."""

    def __init__(self, rows: Path) -> None:
        """The names of units, in the first column of a file of rows."""
        self.needles: dict[bytes, str] = {}
        names = [line.split(b",")[0] for line in rows.read_bytes().splitlines()[1:]]
        # They have one prefix, but for the odd one: it is quick to find, and what follows is compared.
        self._prefix = Counter(name[:9] for name in names).most_common(1)[0][0]
        self._names = {name for name in names if name.startswith(self._prefix)}
        self._length = len(names[0])
        self.count = len(self._names)

    def add(self, what: str, secret: bytes) -> None:
        """A key, in the forms in which programs write keys."""
        base = base64.b64encode(secret).rstrip(b"=")[:-1]
        forms = {secret, secret.hex().encode(), base, base.translate(URL_SAFE)}
        self.needles.update(dict.fromkeys(forms, what))

    def found(self, held: bytes) -> set[str]:
        """What of all that is in these bytes."""
        hits = {what for needle, what in self.needles.items() if needle in held}
        for form in ("utf-8", "utf-16-le"):
            prefix = self._prefix.decode().encode(form)
            size = self._length * len(prefix) // len(self._prefix)
            at = held.find(prefix)
            while at >= 0:
                if held[at : at + size].decode(form, "replace").encode() in self._names:
                    hits.add(NAME)
                    break
                at = held.find(prefix, at + 1)
        return hits


NAME, DATA, BUCKETS, RUN = (
    "a unit's name",
    "the snapshot's key",
    "the key of the snapshot's buckets",
    "the key of the run's tasks",
)
URL_SAFE = bytes.maketrans(b"+/", b"-_")


def of_lab(rows: Path, lab: Path, nodes: list[Path]) -> Markers:
    """The markers of a lab's only dataset and of all keys, but the run's, which there is only while it runs."""
    markers = Markers(rows)
    for name in ("data", "noise", "seal"):
        markers.add(f"the lab's {name} key", (lab / f"keys/{name}.key").read_bytes())
    for path in (lab / "keys/log.pem", lab / "keys/service.pem", *(node / "node.pem" for node in nodes)):
        markers.add(f"the secret of {path.parent.name}/{path.name}", seed(path.read_text()))
    for path in (lab / "keys/upload.key", *(node / "node.age" for node in nodes)):
        identity = path.read_text().strip()
        markers.needles[identity.encode()] = markers.needles[identity.lower().encode()] = f"the words of {path.name}"
        markers.add(f"the secret of {path.parent.name}/{path.name}", bech32(identity))
    for wrapped in lab.glob("snapshots/*/*/key.wrapped"):
        data = unwrap((lab / "keys/data.key").read_bytes(), wrapped.read_bytes())
        markers.add(DATA, data)
        markers.add(BUCKETS, hkdf(data, b"unseen snapshot v1", b"parquet"))
    return markers


def of_run(markers: Markers, lab: Path) -> None:
    """Adds the keys of the run that is on: its leaf names the folder in which parts are kept."""
    for spool in lab.glob("spool/*"):
        key = keyed((lab / "keys/seal.key").read_bytes(), b"unseen run key v1\0" + bytes.fromhex(spool.name))
        markers.add("the run's key", key)
        markers.add(RUN, keyed(key, b"unseen tasks v1\0"))


def keyed(key: bytes, said: bytes) -> bytes:
    return hmac.new(key, said, hashlib.sha256).digest()


def hkdf(secret: bytes, salt: bytes, info: bytes) -> bytes:
    return keyed(keyed(salt, secret), info + b"\1")


def seed(pem: str) -> bytes:
    """The 32 bytes of an Ed25519 key in PKCS#8, which stand last."""
    return base64.b64decode("".join(line for line in pem.splitlines() if not line.startswith("-")))[16:48]


def bech32(identity: str) -> bytes:
    """The 32 bytes of an age identity."""
    letters = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
    bits = "".join(f"{letters.index(letter):05b}" for letter in identity.lower().rpartition("1")[2][:-6])
    return int(bits[:256], 2).to_bytes(32, "big")


def unwrap(key: bytes, wrapped: bytes) -> bytes:
    """What AES-256-GCM sealed, unchecked: nonce, 32 bytes, tag. openssl has its counter mode."""
    counter = wrapped[:12] + b"\0\0\0\2"
    mode = ["openssl", "enc", "-d", "-aes-256-ctr", "-nopad", "-K", key.hex(), "-iv", counter.hex()]
    return subprocess.run(mode, input=wrapped[12:44], capture_output=True, check=True).stdout


def files(folders: list[Path]) -> Iterator[tuple[str, bytes]]:
    """All files in there, as they are now."""
    for folder in folders:
        for path in [folder, *folder.rglob("*")]:
            with suppress(OSError):
                if path.is_file() and not path.is_symlink():
                    yield str(path), path.read_bytes()


def opened(pids: Iterable[int], since: float) -> Iterator[tuple[str, bytes]]:
    """The files that processes have open, deleted ones too, if they were written since."""
    for pid in pids:
        for path in Path(f"/proc/{pid}/fd").glob("*"):
            with suppress(OSError):
                if path.is_file() and path.stat().st_mtime >= since:
                    yield f"{path.readlink()}", path.read_bytes()


def remembered(pid: int) -> list[bytes]:
    """[`memory`]; nothing, of a process that has ended. One that may not be looked at is an error."""
    try:
        return [*memory(pid)]
    except (FileNotFoundError, ProcessLookupError):
        return []


def memory(pid: int) -> Iterator[bytes]:
    """What a process has in memory, of its own: all that can be written, and what is of no file."""
    process = Path(f"/proc/{pid}")
    with (process / "maps").open() as maps, (process / "mem").open("rb", buffering=0) as held:
        for line in maps:
            range_, rights, _, _, inode, *name = line.split(maxsplit=5)
            if "r" not in rights or ("w" not in rights and inode != "0") or (name and name[0].startswith("[v")):
                continue
            first, last = (int(end, 16) for end in range_.split("-"))
            while first < last:
                part = b""
                # Pages that were given back meanwhile, or are of a device.
                with suppress(OSError, ValueError):
                    held.seek(first)
                    part = held.read(min(PART + OVERLAP, last - first))
                if part.strip(b"\0"):
                    yield part
                first += PART if len(part) > PART else len(part) or PAGE


def command(pid: int) -> str:
    """What a process is called, in few words."""
    with suppress(OSError):
        words = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
        return " ".join(word.rpartition("/")[2] for word in words if not word.startswith("-"))[:80]
    return "what has ended"
