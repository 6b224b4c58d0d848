"""A step that found no room is told from one that is wrong, though the room is there again when we look."""

from __future__ import annotations

import errno
from pathlib import Path
from types import SimpleNamespace

import pytest

from stoneware.bake import room
from stoneware.bake.room import Room, told_when_full
from stoneware.errors import BakeFailed, ToolFailed


@pytest.mark.parametrize(
    ("free", "printed", "tail", "full"),
    [
        ([10**9, 10**9, 10**9], "Writing objects", "make: *** [all] Error 1", False),
        ([10**9, 4096, 10**9], "Writing objects", "make: *** [all] Error 1", True),
        ([10**9, 10**9, 10**9], "tar: x: Cannot write: No space left on device", "exit 2", True),
        ([10**9, 10**9, 10**9], "npm ERR! code ENOSPC", "exit 2", True),
    ],
)
def test_a_full_disk_is_seen_while_it_is_full(
    free: list[int], printed: str, tail: str, full: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    left = iter(free)
    monkeypatch.setattr(room.shutil, "disk_usage", lambda _: SimpleNamespace(free=next(left)))
    watched = Room(tmp_path)
    watched.look("STEP 1/2: FROM x")
    watched.look(printed)
    assert watched.was_full(tail) is full
    assert str(tmp_path) in watched.failure("STEP 2/2", tail).message
    assert str(tmp_path) in watched.failure("STEP 2/2", tail).next_step


@pytest.mark.parametrize(
    "failure", [OSError(errno.ENOSPC, "full"), ToolFailed(["buildah"], 125, "mkdir /x: no space left on device")]
)
def test_whatever_finds_no_room_says_so(failure: Exception) -> None:
    with pytest.raises(BakeFailed) as told, told_when_full("seal"):
        raise failure
    assert told.value.code == "disk-full"


@pytest.mark.parametrize("failure", [OSError(errno.EIO, "broken"), ToolFailed(["buildah"], 125, "no such image")])
def test_other_failures_are_what_they_are(failure: Exception) -> None:
    with pytest.raises(type(failure)), told_when_full("seal"):
        raise failure
