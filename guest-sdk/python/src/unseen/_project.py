"""A job's folder as it lies on the analyst's disk: its manifest, and the component that it names."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import _toml
from ._signing import digest_of
from .errors import Lang, Refused, told

#: What a manifest calls the map that comes with every lab.
READY_MADE = "ready-made:sum"
#: Where a component is of which the manifest does not say.
BUILT = "target/job.wasm"


@dataclass(frozen=True)
class Project:
    """A job that may be checked and submitted."""

    file: Path
    manifest: str
    #: The component; None where it is not built yet.
    module: bytes | None
    lang: Lang

    @property
    def name(self) -> str:
        """What errors call it."""
        return str(self.file)

    def module_or_refuse(self) -> bytes:
        """The component. Raises Refused where there is none."""
        if self.module is None:
            raise Refused(
                "client.file",
                told(
                    self.lang,
                    f"{self.file}: the job is not built yet: run `unseen job build`",
                    f"{self.file}：作业尚未编译：请运行 `unseen job build`",
                ),
            )
        return self.module


def read_project(place: str | Path, lang: Lang) -> Project:
    """Reads a job's folder, or its job.toml. Raises Refused where there is none."""
    path = Path(place).expanduser()
    path = path / "job.toml" if path.is_dir() else path
    try:
        manifest = path.read_bytes().decode()
    except OSError as error:
        raise Refused("client.file", f"{path}: {error.strerror}", data={"path": str(path)}) from None
    except UnicodeDecodeError:
        sentence = told(lang, f"{path}: this is not UTF-8", f"{path}：不是 UTF-8")
        raise Refused("client.file", sentence, data={"path": str(path)}) from None
    try:
        said = _toml.loads(manifest)
        named: Any = said["job"].get("module", BUILT)
    except (ValueError, LookupError, AttributeError):
        # What is wrong with the manifest the lab says, with line and column, whatever comes beside it.
        said, named = {}, READY_MADE
    if named == READY_MADE:
        return Project(path, manifest, _map_of(said), lang)
    return Project(path, manifest, _module(path, named, lang), lang)


def _map_of(said: Any) -> bytes:
    """What stands for the map: it goes by the section [ready-made], and whether that has a model."""
    section = said.get("ready-made")
    if section is None:
        return b"unseen ready-made map: sum, version 2\n"
    kind = b"model" if isinstance(section, dict) and "model" in section else b"question"
    return b"unseen ready-made map: " + kind + b", version 1\n"


def _module(path: Path, named: Any, lang: Lang) -> bytes | None:
    if not isinstance(named, str):
        return b""
    digest = named if named.startswith("sha256:") else None
    file = path.parent / (BUILT if digest else named)
    try:
        module = file.read_bytes()
    except OSError:
        return None
    if digest and digest_of(module) != digest:
        raise Refused(
            "client.file",
            told(lang, f"{file} is not the module that is meant: {digest}", f"{file} 不是所指的模块：{digest}"),
            data={"path": str(file)},
        )
    return module
