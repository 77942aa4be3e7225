"""What one need not type: the file and the variables that the program `unseen` reads, and the sessions it keeps."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from . import _toml
from .errors import JSON, Lang, Refused, told


@dataclass(frozen=True)
class Profile:
    """How one gets to a lab, and who one is there."""

    name: str = ""
    lab: str | None = None
    log: str | None = None
    key: str | None = None
    cert: str | None = None
    cert_key: str | None = None
    ca: str | None = None


def profile(name: str | None, has_lab: bool, lang: Lang) -> Profile:
    """The profile of this name; without a name the default one, unless a lab was named.

    Raises Refused where the file cannot be read, or has no such profile.
    """
    file = Path(os.environ.get("UNSEEN_CONFIG") or _place("XDG_CONFIG_HOME", ".config") / "config.toml")
    try:
        config: Any = _toml.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    except (OSError, ValueError) as error:
        raise Refused("client.file", f"{file}: {error}", data={"path": str(file)}) from None
    name = name or os.environ.get("UNSEEN_PROFILE") or (None if has_lab else config.get("default"))
    if name is None:
        return Profile()
    known = config.get("profile", {})
    if name not in known:
        raise Refused(
            "client.file",
            told(
                lang,
                f"{file} has no profile `{name}`; it has: {', '.join(known)}",
                f"{file} 中没有配置 `{name}`；现有：{', '.join(known)}",
            ),
            data={"path": str(file)},
        )
    found = {field.replace("-", "_"): value for field, value in known[name].items()}
    return Profile(name, **{field: found.get(field) for field in ("lab", "log", "key", "cert", "cert_key", "ca")})


def session(lab: str, profile_name: str) -> JSON | None:
    """The session that `unseen login` has left for this address, if there is one still: `name`, `log`, `token`."""
    file = _place("XDG_STATE_HOME", ".local/state") / "sessions.json"
    try:
        kept = json.loads(file.read_bytes()).get(f"{lab.rstrip('/')} {profile_name}".rstrip())
        until = datetime.fromisoformat(kept["until"].split(".")[0].rstrip("Z") + "+00:00")
    except (OSError, ValueError, KeyError, AttributeError, TypeError):
        return None
    return kept if isinstance(kept, dict) and until > datetime.now(timezone.utc) else None


def _place(variable: str, in_home: str) -> Path:
    named = os.environ.get(variable, "")
    base = Path(named) if named.startswith("/") else Path.home() / in_home
    return base / "unseen"
