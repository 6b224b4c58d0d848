"""Files are whole or not there, and a lock keeps everybody else out."""

from __future__ import annotations

import fcntl
import hashlib
import os
import stat
import threading
from pathlib import Path

import pytest

from stoneware.host.files import is_locked, locked, sha256_of, write_atomic


@pytest.mark.parametrize("content", ["", "text ä\n", b"\x00\xff"])
def test_a_file_is_written_with_its_mode(content: str | bytes, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    write_atomic(path, content, 0o640)
    assert path.read_bytes() == (content.encode() if isinstance(content, str) else content)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_a_reader_of_the_old_file_keeps_the_old_content(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    with path.open() as reader:
        write_atomic(path, "new")
        assert (reader.read(), path.read_text()) == ("old", "new")


def test_a_write_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    with pytest.raises(OSError, match="directory"):
        write_atomic(tmp_path / "taken", "x")
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]


def test_a_lock_is_held_inside_and_free_afterwards(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with locked(path):
        assert is_locked(path)
    assert not is_locked(path)


def test_a_lock_is_free_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(KeyError), locked(tmp_path / "lock"):
        raise KeyError
    assert not is_locked(tmp_path / "lock")


def test_threads_wait_for_each_other(tmp_path: Path) -> None:
    counter = tmp_path / "counter"
    counter.write_text("0")

    def add() -> None:
        for _ in range(20):
            with locked(tmp_path / "lock"):
                counter.write_text(str(int(counter.read_text()) + 1))

    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counter.read_text() == "80"


def test_a_lock_file_that_was_removed_while_one_waited_counts_for_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, flock, waits = tmp_path / "lock", fcntl.flock, iter(["the former holder removes the file"])

    def wait(handle: int, how: int) -> None:
        if next(waits, None):
            path.unlink()
        flock(handle, how)

    monkeypatch.setattr(fcntl, "flock", wait)
    with locked(path):
        monkeypatch.undo()
        assert is_locked(path)


def test_a_digest_is_that_of_the_bytes(tmp_path: Path) -> None:
    content = os.urandom(100_000)
    (tmp_path / "file").write_bytes(content)
    assert sha256_of(tmp_path / "file") == hashlib.sha256(content).hexdigest()


def test_a_lock_is_seen_while_it_is_held(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    assert not is_locked(path)
    with locked(path):
        assert is_locked(path)
    assert not is_locked(path)
