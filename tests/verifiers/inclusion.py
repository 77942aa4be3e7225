"""Checks a C2SP tlog-tiles folder with tlog-scales: signatures (types 1 and 4), the root, every tile's
width, the inclusion of every entry, and that the log goes on from checkpoints kept before.

    inclusion.py [--kept FILE]... [--witness VKEY]... FOLDER VKEY

Ends with one line, and with 0 if that begins with OK.
"""

import argparse
import logging
import sys
from pathlib import Path

from tlog_scales import tiles
from tlog_scales.backend import make_backend
from tlog_scales.reader import Tile, TilesReader
from tlog_scales.signing import Vkey, VkeySet
from tlog_scales.tlog import Checkpoint, ConsistencyProofInvalid


class Refused(Exception):
    pass


def signed(checkpoint, log, witnesses):
    """By the log and by every witness: the library only says by whom."""
    by = {vkey.serialize() for vkey, _ in VkeySet(log, *witnesses).verify(checkpoint.signatures, checkpoint)}
    if log.serialize() not in by or checkpoint.origin != log.name:
        raise Refused(f"SIGNATURE not by the log {log.name}")
    if len(by) != 1 + len(witnesses):
        raise Refused(f"QUORUM only {len(by) - 1} witnesses")


def widths(folder, size):
    """Every file is as long as its width says: the library reads what it needs and no further."""
    for level in range(-1, 8):
        whole, rest = tiles.level_tiles(size, level)
        for n in range(whole + (rest > 0)):
            width = rest if n == whole else 256
            path = folder.joinpath(*tiles.tile_path(level, n, width % 256))
            read = Tile.from_entries_bytes if level == -1 else Tile.from_hash_bytes
            if read(path.read_bytes()).length != width:
                raise Refused(f"DAMAGED {path}: not {width} wide")


def check(folder, log, witnesses, kept):
    reader = TilesReader(make_backend(str(folder)))
    checkpoint = reader.get_checkpoint()
    signed(checkpoint, log, witnesses)
    before = [Checkpoint.from_text(Path(path).read_text()) for path in kept]
    for old in before:
        signed(old, log, [])
        if old.size > checkpoint.size:
            raise Refused(f"ROLLBACK from {old.size} to {checkpoint.size}")
    widths(folder, checkpoint.size)
    if reader.calculate_root_hash() != checkpoint.root_hash:
        raise Refused("DAMAGED tiles: another root")
    for index in range(checkpoint.size):
        leaf = tiles.leaf_hash(reader.get_entry(index))
        reader.get_inclusion_proof(index, checkpoint.size).check(leaf, checkpoint.root_hash)
    for old in before:
        try:
            proof = reader.get_consistency_proof(old.size, checkpoint.size)
            proof.check(old.root_hash, checkpoint.root_hash)
        except ConsistencyProofInvalid as why:
            raise Refused(f"FORK {why}") from why
    return checkpoint.size


def main():
    logging.disable()
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--kept", action="append", default=[])
    arguments.add_argument("--witness", action="append", default=[], type=Vkey.from_string)
    arguments.add_argument("folder", type=lambda path: Path(path).resolve())
    arguments.add_argument("vkey", type=Vkey.from_string)
    given = arguments.parse_args()
    try:
        print("OK", check(given.folder, given.vkey, given.witness, given.kept), "entries")
    except Refused as why:
        sys.exit(print(why) or 1)
    except Exception as why:  # Whatever the library meets in damaged files.
        sys.exit(print("DAMAGED", repr(why)) or 1)


main()
