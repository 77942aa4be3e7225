"""Validates every entry of a log's folder, or of an exported bundle, against the JSON Schemas of this
repository, with the library jsonschema. It shares no code with what wrote the log, and checks the form of
entries alone: no signature and no rule.

    schemas.py FOLDER

Ends with one line, and with 0 if that begins with OK.
"""

import base64
import json
import sys
from pathlib import Path

from jsonschema import Draft202012Validator

SCHEMAS = Path(__file__).resolve().parents[2] / "docs" / "schemas"


class Refused(Exception):
    pass


def validators():
    """By predicate type. The library does not mind a schema that is none, so that is asked first."""
    found = {}
    for path in sorted(SCHEMAS.glob("*.schema.json")):
        schema = json.loads(path.read_text())
        Draft202012Validator.check_schema(schema)
        found[schema["properties"]["predicateType"]["const"]] = Draft202012Validator(schema)
    return found


def entries(folder):
    """Every entry in the bundles, as many as the checkpoint says."""
    size = int((folder / "checkpoint").read_text().split("\n")[1])
    for start in range(0, size, 256):
        number, width = start // 256, min(256, size - start)
        name = f"{number % 1000:03}"
        while number >= 1000:
            number //= 1000
            name = f"x{number % 1000:03}/{name}"
        path = folder / "tile" / "entries" / (name if width == 256 else f"{name}.p/{width}")
        data = path.read_bytes()
        for _ in range(width):
            length = int.from_bytes(data[:2], "big")
            if len(data) < 2 + length:
                raise Refused(f"DAMAGED {path}: it ends within an entry")
            yield data[2 : 2 + length]
            data = data[2 + length :]
        if data:
            raise Refused(f"DAMAGED {path}: {len(data)} bytes too many")


def once(pairs):
    """An object in which no name stands twice: the library would see the last one only."""
    read = dict(pairs)
    if len(read) != len(pairs):
        raise ValueError("a name stands twice in one object")
    return read


def check(folder):
    known, kinds, count = validators(), set(), 0
    for index, entry in enumerate(entries(folder)):
        envelope = json.loads(entry, object_pairs_hook=once)
        if envelope["payloadType"] != "application/vnd.in-toto+json":
            raise Refused(f"MALFORMED entry {index}: it holds {envelope['payloadType']}")
        statement = json.loads(base64.b64decode(envelope["payload"], validate=True), object_pairs_hook=once)
        kind = statement["predicateType"]
        if kind not in known:
            raise Refused(f"MALFORMED entry {index}: no schema for {kind}")
        for error in known[kind].iter_errors(statement):
            raise Refused(f"MALFORMED entry {index}, {kind}, {error.json_path}: {error.message}")
        kinds.add(kind)
        count = index + 1
    return f"{count} entries of {len(kinds)} kinds, {len(known)} schemas"


def main():
    try:
        print("OK", check(Path(sys.argv[1])))
    except Refused as why:
        sys.exit(print(why) or 1)
    except Exception as why:  # Whatever the libraries meet in damaged files.
        sys.exit(print("DAMAGED", repr(why)) or 1)


main()
