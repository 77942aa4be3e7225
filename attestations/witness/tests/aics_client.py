"""Lets the client, the tile reader and the verifier of aics-witness and aics-tlog judge our witness.

aics_client.py LOG_FOLDER LOG_VKEY WITNESS_URL WITNESS_VKEY STATE_FILE

Reads the log's checkpoint and tiles, submits the checkpoint with a proof worked out from the tiles,
verifies it with the cosignature it got, and compares the note at the monitoring path. Prints the size
and the time of the cosignature; a refusal by the name of its exception.
"""

import sys
import urllib.request
from pathlib import Path

from aics_tlog import (
    HttpTileReader,
    consistency_proof_from_tiles,
    parse_checkpoint,
    parse_note,
    parse_vkey,
    verify_checkpoint,
)
from aics_tlog.cosign import cosignature_timestamp
from aics_witness.feeder import FeederError, WitnessClient, merge_cosignatures
from aics_witness.protocol import origin_hash

folder, log_vkey, url, witness_vkey, state = sys.argv[1:]
log_key, witness_key = parse_vkey(log_vkey), parse_vkey(witness_vkey)
signed = (Path(folder) / "checkpoint").read_bytes()
checkpoint = parse_checkpoint(parse_note(signed).text)
reader = HttpTileReader([Path(folder).absolute().as_uri() + "/"])


def proof(old, new):
    return consistency_proof_from_tiles(reader, old, new)


client = WitnessClient(url, witness_key, state_path=state, max_attempts=1)
try:
    lines = client.submit(signed, proof)
except FeederError as error:
    print(type(error).__name__, getattr(error, "status", getattr(error, "known_size", "")))
    sys.exit(0)

bounds = {"max_age_seconds": 60, "max_future_seconds": 60}
merged = parse_note(merge_cosignatures(signed, lines))
with urllib.request.urlopen(f"{url}/{origin_hash(checkpoint.origin)}/checkpoint", timeout=10) as answer:
    monitored = parse_note(answer.read())
for note in (merged, monitored):
    verdict = verify_checkpoint(note, log_key, [witness_key], 1, expected_origin=checkpoint.origin, **bounds)
    if not verdict.ok:
        sys.exit(f"refused: {verdict}")
    if note.text != merged.text:
        sys.exit("the monitoring path shows another checkpoint")
if verify_checkpoint(parse_note(signed), log_key, [witness_key], 1).ok:
    sys.exit("it was accepted without the cosignature")
times = [cosignature_timestamp(line.signature) for line in merged.signatures if line.name == witness_key.name]
print("cosigned", checkpoint.size, *times)
