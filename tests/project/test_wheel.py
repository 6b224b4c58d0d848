"""What a stranger installs: the wheel, in an empty virtual environment, has all it needs and runs."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = Path(tmp_path_factory.mktemp("wheel"))
    words = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", folder, ROOT]
    subprocess.run(words, check=True, timeout=300)
    [built] = folder.glob("stoneware-*.whl")
    return built


@pytest.fixture(scope="module")
def bin_of_a_stranger(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = Path(tmp_path_factory.mktemp("stranger"))
    subprocess.run([sys.executable, "-m", "venv", folder], check=True, timeout=120)
    subprocess.run([folder / "bin" / "pip", "install", "--quiet", wheel], check=True, timeout=300)
    return folder / "bin"


def test_it_has_every_file_that_is_no_module(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    inside = {str(path.relative_to(ROOT / "src")) for path in (ROOT / "src/stoneware").rglob("*") if path.is_file()}
    assert {name for name in inside if "__pycache__" not in name} <= names
    assert not [name for name in names if name.startswith(("tests", "demo", "bench"))]


def test_it_runs_from_an_empty_environment(bin_of_a_stranger: Path, tmp_path: Path) -> None:
    def stoneware(*words: str) -> str:
        env = {**os.environ, "STONEWARE_HOME": str(tmp_path / "home")}
        argv = [bin_of_a_stranger / "stoneware", *words]
        return subprocess.run(argv, check=True, cwd=tmp_path, env=env, capture_output=True, text=True).stdout

    assert "0.1.0" in stoneware("--version")
    stoneware("init", "shop")
    assert "is good" in stoneware("check", "--file", "shop")
    stoneware("serve", "--background")
    try:
        assert stoneware("image", "list").strip().startswith("no images")
        assert "the chain holds" in stoneware("ledger", "verify")
    finally:
        stoneware("serve", "--stop")
