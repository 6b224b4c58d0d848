"""The verdict about the accelerator is remembered for one boot of the host; what can't be read is proven again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from stoneware.engines.qemu import accelerator
from stoneware.engines.qemu.accelerator import SECTOR, Accelerator, find_accelerator, host_khz

BOOT = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
PROVEN = Accelerator("tcg", "proven just now")
GOOD = {"boot": BOOT, "name": "kvm", "why": "a guest ran"}


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the verdict is kept. The proof itself would start a machine: here it is known beforehand."""
    monkeypatch.setattr(accelerator, "_prove", lambda: PROVEN)
    return tmp_path / "accelerator.json"


@pytest.mark.parametrize("name", ["kvm", "tcg"])
def test_a_verdict_of_this_boot_holds(name: str, cache: Path) -> None:
    cache.write_text(json.dumps({**GOOD, "name": name}))
    assert find_accelerator(cache) == Accelerator(name, "a guest ran")


@pytest.mark.parametrize(
    "known",
    [
        {**GOOD, "boot": "another"},
        {**GOOD, "name": "magic"},
        {"boot": BOOT},
        {"boot": BOOT, "name": ["kvm"]},
        [],
        None,
        "kvm",
        5,
    ],
)
def test_any_other_is_proven_again_and_remembered(known: Any, cache: Path) -> None:
    cache.write_text(json.dumps(known))
    assert find_accelerator(cache) == PROVEN
    assert json.loads(cache.read_text()) == {"boot": BOOT, "name": "tcg", "why": "proven just now"}


@pytest.mark.parametrize("content", [None, b"", b"{", b"\xff\xfe"])
def test_no_verdict_is_no_obstacle(content: bytes | None, cache: Path) -> None:
    if content is not None:
        cache.write_bytes(content)
    assert find_accelerator(cache) == PROVEN


def test_the_proof_is_one_boot_sector() -> None:
    assert (len(SECTOR), SECTOR[-2:]) == (512, b"\x55\xaa")


def test_the_frequency_of_the_host_is_known_or_assumed() -> None:
    assert 100_000 <= host_khz() <= 10_000_000
