"""Logs are their owner's alone, and none fills a disk."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from stoneware import daemon
from stoneware.daemon import OperationLog
from stoneware.host.home import Home
from stoneware.host.log_file import CUT, append_line
from stoneware.host.process import wait_gone
from stoneware.host.run import spawn
from stoneware.pipeline.folder import BuildFolder


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    before = os.umask(0o022)
    made = Home(tmp_path)
    made.prepare()
    yield made
    os.umask(before)


def test_nobody_else_reads_a_log(home: Home) -> None:
    OperationLog(home)("bake-1", "a line")
    BuildFolder(home, "build-1").say("a line")
    wait_gone(spawn(["true"], log=home.logs / "daemon.log"), 0, 10)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in home.logs.iterdir()}
    assert modes == {"bake-1.log": 0o600, "build-1.log": 0o600, "daemon.log": 0o600}


def test_the_log_of_an_operation_ends_where_it_is_too_much(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(daemon, "LIMIT_BYTES", 100)
    for number in range(50):
        OperationLog(home)("bake-1", f"line {number} of a recipe that prints for ever")
    text = (home.logs / "bake-1.log").read_bytes()
    assert text.endswith(CUT) and text.count(CUT) == 1
    assert len(text.removesuffix(CUT)) <= 101


@pytest.mark.parametrize("length", [97, 98, 99, 100, 101, 1000])
def test_that_it_was_cut_is_said_whatever_comes_after_it(tmp_path: Path, length: int) -> None:
    log = tmp_path / "log"
    for line in ("x" * length, "short", "", "y" * 1000):
        append_line(log, line, 100)
    text = log.read_bytes()
    assert text.endswith(b"\n" + CUT) and text.count(CUT) == 1


def test_a_disk_that_is_full_ends_the_log_and_not_who_writes_it(tmp_path: Path) -> None:
    (tmp_path / "log").symlink_to("/dev/full")
    append_line(tmp_path / "log", "a line")
