"""Every rule of the house is a test: format, lint, types, and which floor may import which."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent


@pytest.mark.parametrize(
    "words",
    [("ruff", "format", "--check", "."), ("ruff", "check", "."), ("mypy",), ("lint-imports",)],
    ids=lambda words: words[0] + "-" + words[-1],
)
def test_the_check_holds(words: tuple[str, ...]) -> None:
    ended = subprocess.run([BIN / words[0], *words[1:]], cwd=ROOT, check=False, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_files_stay_small() -> None:
    """Median at or under 100 lines, none over 400: one idea a file."""
    sizes = sorted(len(path.read_text().splitlines()) for path in (ROOT / "src").rglob("*.py"))
    assert sizes[len(sizes) // 2] <= 100
    assert sizes[-1] <= 400
    assert sum(size > 300 for size in sizes) <= len(sizes) // 20
