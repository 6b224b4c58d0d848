"""What is kept of a workspace that belongs to somebody who means ill."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from stoneware.errors import NotFound, Refused
from stoneware.host.removing import remove_tree
from stoneware.pipeline import artifacts
from stoneware.pipeline.artifacts import DEEPEST, keep


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """A workspace with a file."""
    (tmp_path / "work" / "dist").mkdir(parents=True)
    (tmp_path / "work" / "dist" / "a.whl").write_text("a")
    return tmp_path / "work"


def test_files_are_copied_under_their_paths_once_or_again(work: Path, tmp_path: Path) -> None:
    for _ in range(2):
        assert keep(work, ["dist/*", "/workspace/dist/a.whl"], tmp_path / "kept") == ("dist/a.whl",)
    assert [path.name for path in (tmp_path / "kept" / "dist").iterdir()] == ["a.whl"]


def test_what_is_no_file_of_the_workspace_is_not_kept(work: Path, tmp_path: Path) -> None:
    (work / "link").symlink_to("/etc/passwd")
    (work / "dist" / "out").symlink_to("/etc")
    os.mkfifo(work / "pipe")
    for pattern in ("link", "dist/out/passwd", "pipe", "../*", "nothing"):
        with pytest.raises(NotFound, match="no file in the workspace is"):
            keep(work, [pattern, "dist/*.whl"], tmp_path / "kept")
    assert not (tmp_path / "kept").exists()  # nothing is kept of what is not whole


def test_a_name_that_is_no_text_is_refused_and_named(work: Path, tmp_path: Path) -> None:
    Path(os.fsdecode(os.fsencode(work) + b"/a\xff")).write_text("y")
    with pytest.raises(Refused, match=r"a\\xff' can't be kept: its name is no UTF-8"):
        keep(work, ["a*"], tmp_path / "kept")
    assert keep(work, ["dist/*"], tmp_path / "kept") == ("dist/a.whl",)


def test_a_file_that_says_it_is_larger_than_the_disk_is_refused_with_numbers(work: Path, tmp_path: Path) -> None:
    with (work / "big").open("wb") as big:
        os.truncate(big.fileno(), 10 * 2**40)
    with pytest.raises(Refused, match=r"has 10485760 MiB, and there is room for \d+ in"):
        keep(work, ["big"], tmp_path / "kept")


def test_copying_can_be_ended_which_is_said_and_leaves_no_part(work: Path, tmp_path: Path) -> None:
    with pytest.raises(Refused, match="cut short"):
        keep(work, ["dist/*"], tmp_path / "kept", stop=lambda: True)
    assert not [path for path in (tmp_path / "kept").rglob("*") if path.is_file()]


@pytest.mark.parametrize("becomes", ["nothing", "a pipe", "another folder's"])
def test_a_file_that_changes_meanwhile_is_not_called_kept(
    work: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, becomes: str
) -> None:
    def changes(target: Path, wanted_bytes: int) -> None:
        (work / "dist" / "a.whl").unlink()
        if becomes == "a pipe":
            os.mkfifo(work / "dist" / "a.whl")
        elif becomes == "another folder's":
            (work / "dist").rmdir()
            (work / "dist").symlink_to("/etc")

    monkeypatch.setattr(artifacts, "_must_have_room", changes)
    with pytest.raises(Refused):
        keep(work, ["dist/*"], tmp_path / "kept")


def test_folders_that_go_too_deep_are_refused_and_can_be_removed(work: Path, tmp_path: Path) -> None:
    deep = "p=d; for i in $(seq 49); do p=$p/d; done; for i in $(seq 40); do mkdir -p $p && cd -P $p || break; done"
    subprocess.run(["bash", "-c", deep], cwd=work, check=True)
    with pytest.raises(Refused, match=f"more than {DEEPEST} folders below each other"):
        keep(work, ["dist/*"], tmp_path / "kept")
    remove_tree(work)
    remove_tree(work)
    assert not work.exists()
