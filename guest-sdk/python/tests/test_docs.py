"""What documents tell people to type is typed here as it stands."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import nbformat
import pytest
from conftest import ROOT, Demo, unseen_bin
from nbclient import NotebookClient

import unseen

PAGE, CHINESE = ROOT / "docs" / "python.md", ROOT / "docs" / "python.zh.md"
NOTEBOOK = ROOT / "docs" / "notebooks" / "first-answer.ipynb"
PYTHON = ROOT / "guest-sdk" / "python"


def blocks(page: Path) -> list[tuple[str, str]]:
    """What stands between fences: the language and the text."""
    return re.findall(r"^```(\w*)\n(.*?)^```$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def shape(page: Path) -> list[str]:
    """What gives a page its form: how its lines begin."""
    starts = ("#", "|", "```")
    return [line.split(" ")[0][:4] for line in page.read_text(encoding="utf-8").splitlines() if line.startswith(starts)]


@pytest.fixture
def at_the_demo(demo: Demo, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Demo:
    """As after the lines that `make serve` prints."""
    monkeypatch.chdir(demo.folder)
    monkeypatch.setenv("UNSEEN_CONFIG", str(demo.folder / "unseen.toml"))
    monkeypatch.setenv("PATH", f"{Path(unseen_bin()).parent}{os.pathsep}{os.environ['PATH']}")
    for name in ("IPYTHONDIR", "JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR"):
        monkeypatch.setenv(name, str(tmp_path / name))
    return demo


def test_every_block_of_the_page_runs(at_the_demo: Demo, capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, Any] = {}
    shown = []
    for language, text in blocks(PAGE):
        here = text.replace("https://localhost:8443", at_the_demo.url)
        if language == "sh":
            job: unseen.Job = names["job"]
            subprocess.run(["bash", "-ec", here.replace("jN", job.id)], check=True, stdout=subprocess.DEVNULL)
            continue
        assert language == "python", language
        tree = ast.parse(here)
        last = tree.body[-1]
        rest = [last] if isinstance(last, ast.Expr) else []
        exec(compile(ast.Module(tree.body[: len(tree.body) - len(rest)], []), str(PAGE), "exec"), names)
        shown += [repr(eval(compile(ast.Expression(e.value), str(PAGE), "eval"), names)) for e in rest]
    names["folder"].close()
    assert (names["lab"].person, names["lab"].origin) == ("王伟", "demo.unseen.example/wujin")
    assert names["land"]["town"].nunique() == 12
    assert "ledger.no-such-dataset the dataset `taxes` is not registered" in capsys.readouterr().out
    assert names["ax"].get_xlabel().startswith("land_each")
    assert "These are the numbers of" in "".join(shown)
    names["ax"].figure.clear()


def test_the_chinese_page_says_the_same() -> None:
    assert blocks(PAGE) == blocks(CHINESE)
    assert shape(PAGE) == shape(CHINESE)
    assert len(blocks(PAGE)) == PAGE.read_text(encoding="utf-8").count("```") / 2


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
def test_the_notebook_runs(at_the_demo: Demo, monkeypatch: pytest.MonkeyPatch) -> None:
    # Pictures are drawn into the page.
    monkeypatch.delenv("MPLBACKEND")
    monkeypatch.setenv("PYTHONPATH", str(PYTHON / "src"))
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    assert all(not cell.get("outputs") for cell in notebook.cells)
    client = NotebookClient(notebook, timeout=180, resources={"metadata": {"path": str(at_the_demo.folder)}})
    client.execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert not [output for output in outputs if output.output_type == "error"]
    kinds = [kind for output in outputs for kind in output.get("data", {})]
    assert kinds.count("text/html") >= 5
    assert "image/png" in kinds
    texts = "".join(output.get("data", {}).get("text/plain", "") for output in outputs)
    assert "These are the numbers of" in texts
    said = "".join(str(output.get("text", "")) for output in outputs)
    assert "released" in said
    assert "Warning" not in said, said
    assert "findfont" not in said, said


def test_the_package_can_be_built_and_is_typed(tmp_path: Path) -> None:
    pytest.importorskip("hatchling")
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", tmp_path, PYTHON],
        check=True,
        env={**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"},
    )
    [wheel] = tmp_path.glob("unseen-*.whl")
    assert f'version = "{unseen.__version__}"' in (ROOT / "Cargo.toml").read_text(encoding="utf-8")
    assert wheel.name.startswith(f"unseen-{unseen.__version__}-")
    with zipfile.ZipFile(wheel) as packed:
        names = packed.namelist()
    written = {str(path.relative_to(PYTHON / "src")) for path in (PYTHON / "src").rglob("*.py")}
    assert written | {"unseen/py.typed"} <= set(names)
    assert {name.split("/")[0] for name in names} - {"unseen", "unseen_guest"} == {
        wheel.name.split("-py3")[0] + ".dist-info"
    }


@pytest.mark.parametrize(
    "words",
    [
        ["mypy", f"--cache-dir={os.devnull}"],
        ["ruff", "check", "--no-cache"],
        ["ruff", "format", "--check", "--no-cache"],
    ],
)
def test_types_and_style_are_in_order(words: list[str]) -> None:
    pytest.importorskip(words[0])
    done = subprocess.run([sys.executable, "-m", *words], cwd=PYTHON, capture_output=True, encoding="utf-8")
    assert done.returncode == 0, done.stdout + done.stderr
