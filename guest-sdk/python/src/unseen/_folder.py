"""A lab's folder on this machine, asked through the program `unseen`."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from ._project import Project
from ._signing import Key, Review, needed, sign, unbase64
from ._transport import LAB, PEOPLE, Change, Question, expected
from .errors import JSON, Lang, Refused, Unreachable, told

#: Seconds that a command may take.
TIMEOUT = 600
#: What the caller's own settings must not change.
APART = ("UNSEEN_LAB", "UNSEEN_KEY", "UNSEEN_PROFILE", "UNSEEN_CONFIG")


class Folder:
    """A lab in a folder. The program is the one that UNSEEN_BIN names, or `unseen` on PATH."""

    def __init__(self, folder: Path, *, key: Key | None, log: str | None, lang: Lang) -> None:
        self.lang = lang
        self.key = key
        self.person: str | None = None
        self._folder = folder.absolute()
        self._program = _program(lang)
        self.log = expected(log, str(self.ask(LAB)["origin"]), str(folder), lang)
        if key is not None:
            people = self.ask(PEOPLE)["people"]
            mine = [person for person in people if person["publicKey"] == key.public and not person["revoked"]]
            if not mine:
                raise Refused(
                    "ledger.not-enrolled",
                    told(lang, f"{key.file}: this key is not enrolled in the lab", f"{key.file}：实验室未登记此密钥"),
                    lang=lang,
                )
            self.person = str(mine[0]["name"])

    def ask(self, question: Question, name: str = "", **only: str) -> JSON:
        narrowed = [f"--{field}={value}" for field, value in only.items()]
        # What others have named is no option, whatever it begins with.
        return self._run(*question.words, *narrowed, *(("--", name) if name else ()))

    def twin(self, dataset: str, rows: int, seed: int) -> bytes:
        # A name that leads to a file is taken for one; here it is always a dataset's.
        self._run("dataset", "show", "--", dataset)
        with tempfile.TemporaryDirectory() as out:
            written = self._run("twin", f"--rows={rows}", f"--seed={seed}", f"--out={out}", "--", dataset)
            return Path(written["data"]).read_bytes()

    def check(self, project: Project) -> JSON:
        key = [f"--key={self.key.file}"] if self.key else []
        return self._run("job", "check", *key, "--", str(project.file))

    def question(self, fields: JSON) -> JSON:
        # Text in JSON has no infinity, and neither has the program.
        bounds = [f"--bounds={name}={low!r}..{high!r}" for name, (low, high) in fields.get("bounds", {}).items()]
        said = [f"--{_option(name)}={fields[name]}" for name in fields if name not in ("sql", "bounds")]
        key = [f"--key={self.key.file}"] if self.key else []
        with tempfile.TemporaryDirectory() as beside:
            return self._run("ask", *said, *bounds, *key, f"--out={Path(beside, 'job')}", "--", fields["sql"])

    def make(self, change: Change, review: Review | None = None, key: Key | None = None) -> JSON:
        key = needed(key or self.key, self.lang)
        with tempfile.TemporaryDirectory() as beside:
            public, file = Path(beside, "key.pub"), Path(beside, "change")
            public.write_bytes(key.ssh_public())
            try:
                self._run(*change.words, f"--key={public}", f"--out={file}")
            except Refused:
                if change.publishes:
                    # A result whose time has come and that nobody has published yet is published for its reader.
                    return self._run(*change.words, f"--key={key.file}")
                raise
            hand_in = json.loads(file.read_bytes())
            entry = sign(unbase64(hand_in["toSign"]), change.wish, self.log, key, review, self.lang)
            hand_in["entry"] = base64.b64encode(entry).decode()
            file.write_text(json.dumps(hand_in), encoding="utf-8")
            return self._run("receive", str(file))

    def close(self) -> None:
        """Nothing is held between two commands."""

    def _run(self, *words: str) -> JSON:
        done = self._start("--json", f"--lang={self.lang}", *words)
        answer = _json(done.stdout)
        # `job check` ends with 1 where a submission would be refused, and answers all the same.
        if answer is not None:
            return answer
        error = (_json(done.stderr) or {}).get("error")
        if not isinstance(error, dict):
            said = (done.stderr or done.stdout).strip().splitlines()
            raise Unreachable(
                told(
                    self.lang,
                    f"{self._program} gave no answer: {said[-1] if said else done.returncode}",
                    f"{self._program} 没有答复：{said[-1] if said else done.returncode}",
                )
            )
        data = error.get("data")
        sentence, data = str(error.get("message", "")), data if isinstance(data, dict) else None
        raise Refused(str(error.get("code", "")), sentence, lang=self.lang, data=data)

    def _start(self, *words: str) -> subprocess.CompletedProcess[str]:
        settings = {name: value for name, value in os.environ.items() if name not in APART}
        try:
            return subprocess.run(
                [self._program, f"--lab={self._folder}", *words],
                env=settings,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                timeout=TIMEOUT,
            )
        except OSError as error:
            raise Unreachable(
                told(
                    self.lang,
                    f"{self._program} cannot be run: {error.strerror}",
                    f"无法运行 {self._program}：{error.strerror}",
                )
            ) from None
        except subprocess.TimeoutExpired:
            raise Unreachable(told(self.lang, f"{self._program} took too long", f"{self._program} 超时")) from None


def _program(lang: Lang) -> str:
    named = os.environ.get("UNSEEN_BIN")
    found = shutil.which(named or "unseen")
    if found is None:
        raise Unreachable(
            told(
                lang,
                f"the program {named or 'unseen'} is not found: a lab's folder is read with it, so put it on PATH or name it in UNSEEN_BIN",
                f"找不到程序 {named or 'unseen'}：读取实验室文件夹需要它，请放入 PATH 或用 UNSEEN_BIN 指明",
            )
        )
    return found


def _option(field: str) -> str:
    """A field of the API as the program has it: `rowsPerUnit` is `rows-per-unit`."""
    return re.sub("[A-Z]", lambda letter: f"-{letter[0].lower()}", field)


def _json(text: str) -> JSON | None:
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
