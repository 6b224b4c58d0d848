"""Commands as people call them: words in, exit code and both outputs out, in a home where no daemon answers."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from stoneware.cli.main import main


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str


Stoneware = Callable[..., Done]


@pytest.fixture
def stoneware(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Stoneware:
    """Runs a command in an empty folder."""
    monkeypatch.setenv("STONEWARE_HOME", str(tmp_path / "home"))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")

    def call(*words: str) -> Done:
        monkeypatch.setattr(sys, "argv", ["stoneware", *words])
        with pytest.raises(SystemExit) as done:
            main()
        captured = capsys.readouterr()
        assert isinstance(done.value.code, int)
        return Done(done.value.code, captured.out, captured.err)

    return call
