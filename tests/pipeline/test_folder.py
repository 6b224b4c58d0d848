"""The folder that a step names, made in a workspace of which steps make what they like."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import pytest

from stoneware.errors import NotFound, Refused
from stoneware.pipeline.folder import make_below


def test_a_folder_is_made_once_or_again_and_through_no_link(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "link").symlink_to(tmp_path)
    for within in ("a/b", "a/b", "link/c"):
        make_below(tmp_path / "root", PurePosixPath(within))
    assert (tmp_path / "root" / "a" / "b").is_dir()
    assert not (tmp_path / "c").exists()


def test_what_is_no_folder_or_can_be_none_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(NotFound, match="there is no folder file/a in the workspace"):
        make_below(tmp_path, PurePosixPath("file/a"))
    with pytest.raises(Refused, match="can't be made: File name too long"):
        make_below(tmp_path, PurePosixPath("a" * 256))
