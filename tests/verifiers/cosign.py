"""Has a log's checkpoint cosigned by a witness that others wrote (aics-witness, C2SP tlog-witness), and
puts the cosignature under the checkpoint.

    cosign.py STATE FOLDER VKEY [OTHER]

STATE is a folder for the witness. OTHER is a checkpoint that the witness must refuse after the first: an
older one, or one of another history. Prints the witness's verifier key.
"""

import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path


def witness(state, *arguments):
    command = [sys.executable, "-m", "aics_witness", arguments[0], "--config", str(state / "witness.json")]
    return [*command, *arguments[1:]]


def ask(url, old, checkpoint):
    request = urllib.request.Request(url, f"old {old}\n\n{checkpoint}".encode())
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as refusal:
        return refusal.code, refusal.read().decode()


def main():
    state, folder, vkey = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
    origin = vkey.split("+")[0]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        place = "127.0.0.1:%d" % free.getsockname()[1]
    made = subprocess.run(
        witness(state, "init", "--name", "witness.example/one", "--listen", place), check=True, capture_output=True
    )
    key = next(word for word in made.stdout.decode().split() if word.startswith("witness.example/one+"))
    subprocess.run(witness(state, "add-log", "--origin", origin, "--vkey", vkey), check=True, capture_output=True)
    serving = subprocess.Popen(witness(state, "serve"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        checkpoint = (folder / "checkpoint").read_text()
        url = f"http://{place}/add-checkpoint"
        for _ in range(100):
            try:
                status, answer = ask(url, 0, checkpoint)
                break
            except (urllib.error.URLError, ConnectionError):
                time.sleep(0.1)
        assert status == 200, (status, answer)
        (folder / "checkpoint").write_text(checkpoint + answer)
        if len(sys.argv) > 4:
            size = checkpoint.split("\n")[1]
            status, answer = ask(url, size, Path(sys.argv[4]).read_text())
            assert status in (400, 409, 422), (status, answer)
        print(key)
    finally:
        serving.terminate()
        serving.wait()


main()
