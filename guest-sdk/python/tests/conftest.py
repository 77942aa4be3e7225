"""Labs of the real program: one that is served, as `make serve` does, and a folder with a witness.

UNSEEN_BIN names the program; without it, the one on PATH. Where there is none these tests are skipped.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import unseen

ROOT = Path(__file__).parents[3]
PROGRAM = shutil.which(os.environ.get("UNSEEN_BIN", "unseen"))

#: The verifier key of another log, which C2SP signed-note shows.
OTHER_LOG = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"

MANIFEST = """
[job]
title = "Count <b>parcels</b>"
purpose = "To count."
module = "ready-made:sum"
release = "now"

[[input]]
dataset = "parcels"
columns = ["town", "paid"]

[grain]
kind = "unit"

[[output]]
name = "by-town"
groups = [{ name = "town", keys = ["<b>north</b>", "south & co"] }]
values = [
  { name = "units", lower = 0, upper = 1, granularity = 1 },
  { name = "paid", lower = 0, upper = 100, granularity = "0.01" },
]
ratios = [{ name = "paid_each", numerator = "paid", denominator = "units" }]

[privacy]
mechanism = "gaussian"
rho = 0.2
"""

PARCELS = """
name = "parcels"
kind = "private"
provider = "Land & <i>Tax</i>"
classification = "internal"
update_cycle = "yearly"
sharing = "conditional"
title = { zh = "地块", en = "<script>alert('title')</script>" }
description = { zh = "", en = "<img src=x onerror=alert(1)>" }
unit = { column = "code", domain = "enterprise", missing = ["NA"], when_missing = "set-aside" }

[bounds]
text = 256

[[column]]
name = "code"
type = "text"
nullable = false
pattern = "00####"

[[column]]
name = "town"
type = "text"
nullable = false
domain = ["<b>north</b>", "south & co"]
en = "</td><script>alert('meaning')</script>"

[[column]]
name = "paid"
type = "decimal"
scale = 2
min = 0
max = 1000

[[column]]
name = "day"
type = "date"
format = "%d/%m/%Y"

[[column]]
name = "at"
type = "timestamp"

[[column]]
name = "floors"
type = "int"
null = ["-9"]
min = 1
max = 60

[[column]]
name = "built"
type = "bool"
"""

REGIONS = """
name = "regions"
kind = "reference"
provider = "Statistics"
classification = "public"
update_cycle = "once"
sharing = "unconditional"
title = { zh = "地区", en = "Regions" }
key = "code"

[[column]]
name = "code"
type = "text"
nullable = false

[[column]]
name = "founded"
type = "date"

[[column]]
name = "share"
type = "decimal"
scale = 3

[[column]]
name = "people"
type = "int"
"""
REGIONS_CSV = "code,founded,share,people\n007,1949-10-01,0.125,9007199254740993\n012,,1.000,\n"

ONE_APPROVAL = """
approvals = 1
delta = 1e-6
release_now = true
[caps]
dataset = "4"
analyst = "4"
job = "0.25"
"""


def unseen_bin() -> str:
    if PROGRAM is None:
        pytest.skip("the program unseen is not there: set UNSEEN_BIN")
    return PROGRAM


class Lab:
    """A folder in which commands are typed, in somebody's name."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.folder = folder
        state = {name: str(folder / "state") for name in ("XDG_STATE_HOME", "XDG_CACHE_HOME")}
        names = ("UNSEEN_KEY", "UNSEEN_LAB", "UNSEEN_PROFILE", "UNSEEN_CONFIG", "LC_ALL", "LC_MESSAGES")
        kept = {name: value for name, value in os.environ.items() if name not in names}
        self.settings = {**kept, **state, "LANG": "C", **settings}

    def run(self, *words: str) -> dict[str, Any]:
        """The answer of a command, which must end well."""
        done = subprocess.run(
            [unseen_bin(), "--json", *words], cwd=self.folder, env=self.settings, capture_output=True, encoding="utf-8"
        )
        assert done.returncode == 0, (words, done.stderr)
        return json.loads(done.stdout)


class Serving:
    """A program that says where it takes connections, until it is stopped."""

    def __init__(self, words: list[str], folder: Path, settings: dict[str, str], says: str, addresses: int) -> None:
        self.process = subprocess.Popen(
            [unseen_bin(), *words],
            cwd=folder,
            env=settings,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )
        self.addresses: list[str] = []
        assert self.process.stderr
        for line in self.process.stderr:
            self.addresses += re.findall(says + r"(127\.0\.0\.1:\d+)", line)
            if len(self.addresses) >= addresses:
                break
        assert len(self.addresses) >= addresses, "it ended"
        # What it tells operators is read on, or it would wait.
        self.reader = threading.Thread(target=self.process.stderr.read, daemon=True)
        self.reader.start()

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()
        self.reader.join()
        assert self.process.stderr
        self.process.stderr.close()


class Demo(Lab):
    """The lab of `make serve`: 张敏 and 李强 are operators, 陈静 the steward, 王伟 the analyst."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, UNSEEN_CONFIG=str(folder / "unseen.toml"))
        self.ports: list[str] = ["0", "0"]
        self.serve()

    def serve(self) -> None:
        places = [f"--listen=127.0.0.1:{port}" for port in self.ports]
        self.serving = Serving(
            ["serve", "--demo", str(self.folder), *places], self.folder.parent, self.settings, "taken at ", 2
        )
        self.ports = [address.split(":")[1] for address in self.serving.addresses]
        self.url = f"https://localhost:{self.ports[0]}"
        self.plain_url = f"http://127.0.0.1:{self.ports[1]}"

    def restart(self) -> None:
        """The same lab once more; sessions end with the service."""
        self.serving.stop()
        self.serve()

    def key(self, who: str) -> Path:
        return self.folder / "people" / who / "key.pem"

    def connect(self, who: str = "wang", **more: Any) -> unseen.Lab:
        folder = self.folder / "people" / who
        return unseen.connect(
            self.url,
            key=folder / "key.pem",
            ca=self.folder / "ca" / "ca.pem",
            cert=folder / "cert.pem",
            cert_key=folder / "cert-key.pem",
            **more,
        )

    def approve(self, job: str) -> None:
        self.run("job", "approve", job, "--profile", "zhang")

    @property
    def job(self) -> Path:
        return self.folder / "job"

    def cheap_job(self, place: Path) -> Path:
        """The demo's job at a hundredth of its cost, so that many of them fit the budget."""
        place.mkdir()
        text = (self.job / "job.toml").read_text(encoding="utf-8")
        (place / "job.toml").write_text(text.replace("rho = 0.1", "rho = 0.001"), encoding="utf-8")
        return place


class Yard(Lab):
    """A lab in a folder, whose releases a witness has to see; its dataset's words mean ill."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, UNSEEN_LAB="lab")
        people = [("owner", "operator"), ("steward", "steward"), ("analyst", "analyst"), ("operator", "operator")]
        for name, _ in people:
            self.run("key", "new", f"{name}.pem")
        self.run("lab", "init", "lab", "--origin", "yard.example/log", "--owner", "owner.pem")
        for name, role in people[1:]:
            new = ("--name", name, "--role", role, "--new-key", f"{name}.pem")
            self.run("person", "enroll", *new, "--key", "owner.pem")
        self.vkey = self.run("lab", "show")["logKey"]
        self.witness = self.run("witness", "init", "w1", "--name", "w1.example/witness")["verifierKey"]
        self.run("witness", "add-log", "w1", self.vkey)
        self.serving = Serving(["witness", "serve", "w1", "--listen=127.0.0.1:0"], folder, self.settings, "http://", 1)
        try:
            self.fill()
        except BaseException:
            self.serving.stop()
            raise

    def fill(self) -> None:
        """Rules that ask for the witness, two datasets, a job."""
        witness = f'{{ key = "{self.witness}", url = "http://{self.serving.addresses[0]}" }}'
        rules = f"{ONE_APPROVAL}[witnesses]\nquorum = 1\nrequired = true\nwitness = [{witness}]\n"
        (self.folder / "policy.toml").write_text(rules, encoding="utf-8")
        self.run("policy", "set", "policy.toml", "--key", "owner.pem")
        rows = (f"00{unit:04},{('<b>north</b>', 'south & co')[unit % 2]},{unit}.25,,,-9,\n" for unit in range(60))
        header = "code,town,paid,day,at,floors,built\n"
        self.dataset("parcels", PARCELS, header + "".join(rows))
        self.dataset("regions", REGIONS, REGIONS_CSV)
        (self.folder / "job").mkdir()
        (self.folder / "job" / "job.toml").write_text(MANIFEST, encoding="utf-8")

    def dataset(self, name: str, description: str, rows: str) -> None:
        (self.folder / f"{name}.toml").write_text(description, encoding="utf-8")
        (self.folder / f"{name}.csv").write_text(rows, encoding="utf-8")
        self.run("dataset", "import", f"{name}.csv", "--description", f"{name}.toml", "--key", "steward.pem")

    def connect(self, who: str | None = "analyst", **more: Any) -> unseen.Lab:
        return unseen.connect(self.folder / "lab", key=who and self.folder / f"{who}.pem", **more)

    def released(self) -> unseen.Job:
        """A job that was submitted here, approved and run."""
        with self.connect() as lab:
            job = lab.submit(self.folder / "job")
        self.run("job", "approve", job.id, "--key", "operator.pem")
        self.run("job", "run", job.id, "--key", "operator.pem")
        return job.wait(30)


@pytest.fixture(autouse=True)
def _settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What is set on this machine plays no part."""
    for name in ("UNSEEN_KEY", "UNSEEN_LAB", "UNSEEN_PROFILE", "LC_ALL", "LC_MESSAGES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LANG", "C")
    monkeypatch.setenv("UNSEEN_CONFIG", str(tmp_path / "none.toml"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("MPLBACKEND", "agg")
    if PROGRAM is not None:
        monkeypatch.setenv("UNSEEN_BIN", PROGRAM)


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    unseen_bin()
    demo = Demo(tmp_path_factory.mktemp("demo") / "served")
    yield demo
    demo.serving.stop()


@pytest.fixture(scope="session")
def yard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Yard]:
    unseen_bin()
    yard = Yard(tmp_path_factory.mktemp("yard"))
    yield yard
    yard.serving.stop()
