"""`python -m demo` plays the product's whole story: no request fails, no version mixes, no data is lost, nothing is left."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from tests.support.foundry import ROOT, Foundry


@pytest.mark.vm
def test_the_story_is_as_told(foundry: Foundry, tmp_path: Path) -> None:
    foundry.lend(tmp_path / "demo" / "home")
    argv = [sys.executable, "-m", "demo", "--folder", str(tmp_path / "demo"), "--json", str(tmp_path / "result.json")]
    ended = subprocess.run(argv, cwd=ROOT, check=False, capture_output=True, text=True, timeout=900)
    assert ended.returncode == 0, ended.stdout[-6000:] + ended.stderr[-3000:]
    result = json.loads((tmp_path / "result.json").read_text())
    assert result["failures"] == []
    assert result["lost"] == []
    assert result["versions"] == ["1", "2", "1"]
    assert result["sent"] > 500
    assert result["stored"] > 50
    assert "Failed requests: 0. The data is still there." in ended.stdout
    assert processes_in(tmp_path / "demo") == []


def processes_in(folder: Path) -> list[str]:
    """What runs in or for a folder."""
    found = []
    for process in Path("/proc").iterdir():
        try:
            words = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
            if process.name.isdigit() and (str(folder) in words or str(folder) in str((process / "cwd").readlink())):
                found.append(words)
        except OSError:
            continue  # it ended while we looked
    return found
