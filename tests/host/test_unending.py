"""What looks again and again goes on, whatever went wrong; records that somebody wrote into are told by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from stoneware.errors import Misconfigured, Refused
from stoneware.host.records import read_record
from stoneware.host.unending import unending
from stoneware.model.machine import WantedDisk


@pytest.mark.parametrize("wrong", [ValueError("unforeseen"), Refused("no"), OSError("gone"), RecursionError()])
def test_a_turn_that_goes_wrong_is_not_the_last(wrong: Exception) -> None:
    turns = 0
    for _ in range(3):
        with unending("looking"):
            turns += 1
            raise wrong
    assert turns == 3


def test_who_stops_it_stops_it() -> None:
    with pytest.raises(KeyboardInterrupt), unending("looking"):
        raise KeyboardInterrupt


def test_records(tmp_path: Path) -> None:
    file = tmp_path / "disk.json"
    assert read_record(file, WantedDisk) is None
    disk = WantedDisk(name="data", owner="shop", size_bytes=2**30)
    file.write_text(disk.model_dump_json())
    assert read_record(file, WantedDisk) == disk
    for text in ("", "garbage", "{}", file.read_text()[:-9], "[" * 100_000):
        file.write_text(text)
        with pytest.raises(Misconfigured, match=r"disk\.json can't be read") as told:
            read_record(file, WantedDisk)
        assert told.value.code == "record-damaged"
