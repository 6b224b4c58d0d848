"""A thoroughly broken stoneware.yaml: everything is said at once, nothing is changed, and people have read every line.

`UPDATE_GOLDEN=1 pytest tests/golden` writes check_broken.txt anew; read its difference as a user before you commit it.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
BROKEN, GOLDEN = HERE / "broken.yaml", HERE / "check_broken.txt"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copyfile(BROKEN, tmp_path / "stoneware.yaml")
    (tmp_path / "Containerfile").write_text("FROM scratch\n")
    return tmp_path


def check(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "stoneware", "check", *words], cwd=folder, capture_output=True, text=True, check=False
    )


def test_everything_is_said_at_once_and_nothing_is_changed(folder: Path) -> None:
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    done = check(folder)
    if os.environ.get("UPDATE_GOLDEN"):
        GOLDEN.write_text(done.stderr)
    assert done.stderr == GOLDEN.read_text()
    assert (done.returncode, done.stdout) == (2, "")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_each_line_has_its_place_and_what_is_right() -> None:
    *problems, last, code = GOLDEN.read_text().splitlines()
    places = [re.match(r"stoneware\.yaml:(\d+) (\S+): ([^,]+)(?:, (.+))?$", line) for line in problems]
    assert all(places), [line for line, place in zip(problems, places, strict=True) if place is None]
    assert last == f"stoneware: stoneware.yaml has {len(problems)} problems; nothing was changed"
    assert code == "  code: declaration-invalid (`stoneware docs declaration-invalid`)"
    lines = BROKEN.read_text().splitlines()
    for place in filter(None, places):
        key = place[2].rpartition(".")[2]
        named = key.endswith("]") or place[3] == "is missing" or key in lines[int(place[1]) - 1]
        assert named, f"{place[0]} is not about {lines[int(place[1]) - 1]}"


def test_programs_get_the_same_as_json(folder: Path) -> None:
    import json

    done = check(folder, "--json")
    answer = json.loads(done.stdout)
    assert (done.returncode, done.stderr, answer["kind"]) == (2, "", "BadInput")
    assert answer["code"] == "declaration-invalid"
    codes = {"declaration-unreadable", "key-unknown", "value-invalid", "reference-invalid"}
    assert {one["code"] for one in answer["problems"]} == codes
    shown = [f"{one['file']}:{one['line']} {one['path']}: {one['wrong']}" for one in answer["problems"]]
    for line, text in zip(GOLDEN.read_text().splitlines(), shown, strict=False):
        assert line.startswith(text)
