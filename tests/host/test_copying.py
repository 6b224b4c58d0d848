"""Copies of sparse files: equal, with their holes, and the same digest however they are stored."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stoneware.host import copying
from stoneware.host.copying import BLOCK, content_digest, copy_sparse, mend, share, written_bytes

writes = st.lists(st.tuples(st.integers(0, 6 * BLOCK), st.binary(min_size=1, max_size=100)), max_size=6)


def sparse(path: Path, pieces: list[tuple[int, bytes]], size: int = 7 * BLOCK + 17) -> Path:
    with path.open("wb") as out:
        out.truncate(size)
        for offset, data in pieces:
            out.seek(offset)
            out.write(data)
    return path


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(before=writes, after=writes)
def test_copies_are_equal_and_mending_makes_them_so_again(tmp_path: Path, before: list, after: list) -> None:  # type: ignore[type-arg]
    source, target = sparse(tmp_path / "source", before), tmp_path / "target"
    assert copy_sparse(source, target) == content_digest(source) == content_digest(target)
    assert target.read_bytes() == source.read_bytes()
    sparse(source, after)
    written = mend(source, target)
    assert target.read_bytes() == source.read_bytes()
    assert written <= 12 * BLOCK
    assert mend(source, target) == 0


def test_what_was_never_written_takes_no_room(tmp_path: Path) -> None:
    source = sparse(tmp_path / "source", [(3 * BLOCK, b"fox")], 100 * BLOCK)
    copy_sparse(source, tmp_path / "target")
    assert written_bytes(tmp_path / "target") <= BLOCK


def test_zeros_that_are_written_count_as_none(tmp_path: Path) -> None:
    hole, written = sparse(tmp_path / "hole", []), tmp_path / "written"
    written.write_bytes(bytes(hole.stat().st_size))
    assert content_digest(hole) == content_digest(written)
    assert content_digest(sparse(tmp_path / "longer", [], 8 * BLOCK)) != content_digest(hole)


def test_one_changed_byte_is_another_digest(tmp_path: Path) -> None:
    assert content_digest(sparse(tmp_path / "a", [(5, b"x")])) != content_digest(sparse(tmp_path / "b", [(5, b"y")]))


def test_progress_reaches_the_end_and_may_stop_the_copy(tmp_path: Path) -> None:
    source = sparse(tmp_path / "source", [(0, b"x"), (3 * BLOCK, b"y")])
    seen: list[tuple[int, int]] = []
    copy_sparse(source, tmp_path / "target", lambda done, total: seen.append((done, total)))
    assert seen[-1][0] == seen[-1][1] == written_bytes(source)

    def stop(_done: int, _total: int) -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        copy_sparse(source, tmp_path / "target", stop)


def test_sharing_says_whether_it_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, target = sparse(tmp_path / "source", [(5, b"x")]), tmp_path / "target"
    assert share(source, target) is target.exists()

    def as_ext4(*_: object) -> int:
        raise OSError(errno.EOPNOTSUPP, "not here")

    monkeypatch.setattr(copying.fcntl, "ioctl", as_ext4)
    assert share(source, target) is False
    assert not target.exists()

    def broken(*_: object) -> int:
        raise OSError(errno.EIO, "broken")

    monkeypatch.setattr(copying.fcntl, "ioctl", broken)
    with pytest.raises(OSError, match="broken"):
        share(source, target)
