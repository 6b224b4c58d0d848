"""Reading in a stranger's tree: links mean the tree's own files, and nothing leads to the host's."""

from __future__ import annotations

import contextlib
import os
import socket
import stat
from pathlib import Path

import pytest
from tests.bake.trees import plant

from stoneware.bake.confined import NoFile, Tree, Unreadable


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "secret").write_text("of the host")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/secret").write_text("of the host")
    return plant(
        tmp_path / "root",
        {
            "usr/lib/os-release": "inside",
            "etc/os-release": "-> ../usr/lib/os-release",
            "etc/absolute": "-> /usr/lib/os-release",
            "etc/above": "-> ../../../../../usr/lib/os-release",
            "lib": "-> usr/lib",
            "chain": "-> etc/absolute",
            "out": f"-> {tmp_path}/secret",
            "up": "-> ../secret",
            "outfolder": f"-> {tmp_path}/folder",
            "upfolder": "-> ../folder",
            "loop": "-> loop",
            "ping": "-> pong",
            "pong": "-> ping",
            "dangling": "-> nowhere",
            "through": "-> usr/lib/os-release/x",
        },
    )


@pytest.mark.parametrize(
    "path",
    [
        "usr/lib/os-release",
        "etc/os-release",
        "etc/absolute",
        "etc/above",
        "lib/os-release",
        "chain",
        "./lib/../../chain",
    ],
)
def test_links_lead_to_the_trees_own_files(path: str, root: Path) -> None:
    assert Tree(root).read(path, 100) == b"inside"


@pytest.mark.parametrize(
    "path",
    [
        "out",
        "up",
        "outfolder/secret",
        "upfolder/secret",
        "../secret",
        "usr/../../secret",
        "loop",
        "ping",
        "dangling",
        "through",
        "usr/lib/os-release/x",
        "nothing",
        "nul\0",
        "x" * 300,
    ],
)
def test_nothing_leads_out_or_hangs(path: str, root: Path) -> None:
    with pytest.raises(Unreadable):
        Tree(root).read(path, 100)


def test_a_link_that_is_put_there_meanwhile_is_not_followed(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the look and the opening, a folder of the tree becomes a link to the host."""
    monkeypatch.setattr(Tree, "_resolve", lambda self, path: path.split("/"))
    for path in ("upfolder/secret", "up"):
        with pytest.raises(Unreadable):
            Tree(root).read(path, 100)


@pytest.mark.parametrize("path", ["usr/lib", "", "pipe", "etc", "socket"])
def test_what_is_no_file_is_not_read(path: str, root: Path) -> None:
    os.mkfifo(root / "pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(root / "socket"))
    with pytest.raises(NoFile):
        Tree(root).read(path, 100)


def test_a_device_of_the_host_is_not_opened(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    try:
        os.mknod(root / "device", stat.S_IFCHR | 0o666, os.makedev(1, 5))  # /dev/zero
    except PermissionError:
        pytest.skip("only root makes devices")
    opened: list[int] = []
    really = os.open
    monkeypatch.setattr(os, "open", lambda path, flags, **more: opened.append(flags) or really(path, flags, **more))
    with pytest.raises(NoFile):
        Tree(root).read("device", 100)
    assert len(opened) == 2
    assert opened[-1] & os.O_PATH


def test_no_handle_is_left_open(root: Path) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    for path in ("chain", "usr/lib", "out", "nothing/more", "usr/lib/os-release"):
        with contextlib.suppress(Unreadable):
            Tree(root).read(path, 3)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_the_limit_is_the_last_size_that_is_read(root: Path) -> None:
    assert Tree(root).read("chain", 6) == b"inside"
    with pytest.raises(Unreadable, match="more than 5 bytes"):
        Tree(root).read("chain", 5)
