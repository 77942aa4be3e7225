"""A bar while one waits: tqdm's where it is installed, else a line for each step."""

from __future__ import annotations

import sys
import warnings
from typing import Any


class Bar:
    """Steps, and a word on the present one."""

    def __init__(self, steps: int) -> None:
        self._steps = steps
        self._said = ""
        self._bar: Any = None
        self._tqdm = _tqdm()

    def at(self, step: int, text: str) -> None:
        """So many steps are done."""
        if self._tqdm is None:
            if text != self._said:
                print(f"[{step}/{self._steps}] {text}", file=sys.stderr)
            self._said = text
        elif self._bar is None:
            form = "{desc} |{bar:20}| {elapsed}"
            self._bar = self._tqdm(total=self._steps, initial=step, desc=text, bar_format=form)
            self._bar.set_description_str(text)
        else:
            self._bar.n = step
            self._bar.set_description_str(text)

    def __enter__(self) -> Bar:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()


def _tqdm() -> Any:
    try:
        with warnings.catch_warnings():
            # Without ipywidgets a notebook has a bar of text, and a warning that nobody needs.
            warnings.simplefilter("ignore")
            from tqdm.auto import tqdm
    except ImportError:
        return None
    return tqdm
