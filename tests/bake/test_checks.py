"""`stoneware doctor` on a bake's tools: what every bake needs fails when it is missing, what only a disk needs warns."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from stoneware.bake import checks


def levels(monkeypatch: pytest.MonkeyPatch, missing: set[str]) -> dict[str, tuple[str, str]]:
    monkeypatch.setattr(shutil, "which", lambda tool, path="": None if tool in missing else f"/bin/{tool}")
    return {found.name: (found.level, found.next_step) for found in checks.check_bake()}


def test_a_host_without_tools_for_disks_can_bake(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(checks, "DISK_STUB", tmp_path / "nothing")
    found = levels(monkeypatch, {"sgdisk", "mcopy"})
    assert found.pop("disk form") == ("warn", "to do that, install gdisk mtools systemd-boot-efi")
    assert {name: level for name, (level, _) in found.items() if level != "ok"}.keys() <= {"rights"}


def test_a_host_with_everything_and_one_without_buildah(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "stub").touch()
    monkeypatch.setattr(checks, "DISK_STUB", tmp_path / "stub")
    found = levels(monkeypatch, {"buildah"})
    assert found["disk form"][0] == "ok"
    assert found["buildah"] == ("fail", "install buildah")
