"""What the engine reads that others wrote: conmon's log, mount tables, OCI layouts. And what it writes for systemd."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stoneware.engines.container.console import plain, tail
from stoneware.engines.container.disks import mounted_at
from stoneware.engines.container.folder import Folder
from stoneware.engines.container.images import read_layout
from stoneware.engines.container.units import MARKED, Masks, unit_files, unit_links
from stoneware.engines.environment import config_env, manager_environment
from stoneware.engines.qemu import words
from stoneware.errors import Refused

STAMP = "2026-11-24T09:38:33.126267077+00:00"


def test_the_console_is_the_text_alone(tmp_path: Path) -> None:
    log = f"{STAMP} stdout F one\r\n{STAMP} stdout P two, \n{STAMP} stderr F and a half\n{STAMP} stdout F \n"
    assert plain(log) == "one\ntwo, and a half\n\n"
    file = tmp_path / "console.log"
    assert tail(file, 5) == ""
    file.write_text("".join(f"{STAMP} stdout F line {number}\n" for number in range(1000)))
    assert tail(file, 2) == "line 998\nline 999"


def test_a_long_console_is_not_read_whole(tmp_path: Path) -> None:
    file = tmp_path / "console.log"
    file.write_text("x" * 10_000_000 + f"\n{STAMP} stdout F the end\n")
    assert tail(file, 1) == "the end"


def test_mount_points_with_spaces_are_found() -> None:
    table = "36 35 98:0 / /mnt/a\\040b rw,noatime master:1 - ext4 /dev/root rw\n37 35 0:5 / /proc rw - proc proc rw\n"
    assert mounted_at(table) == {"/mnt/a b", "/proc"}


def layout(folder: Path, **changes: object) -> Path:
    config = hashlib.sha256(b"{}").hexdigest()
    manifest = json.dumps({"config": {"digest": f"sha256:{config}"}}).encode()
    name = hashlib.sha256(manifest).hexdigest()
    blobs = folder / "blobs" / "sha256"
    blobs.mkdir(parents=True)
    (blobs / name).write_bytes(manifest)
    index = {"manifests": [{"digest": f"sha256:{name}"}], **changes}
    (folder / "index.json").write_text(json.dumps(index))
    return folder


def test_a_layout_says_which_image_it_holds(tmp_path: Path) -> None:
    found = read_layout(layout(tmp_path))
    assert found.image_id == hashlib.sha256(b"{}").hexdigest()
    assert (tmp_path / "blobs" / "sha256" / found.digest.removeprefix("sha256:")).exists()


@pytest.mark.parametrize(
    "manifests",
    [[], [{"digest": "sha256:1"}, {"digest": "sha256:2"}], [{}], [{"digest": "sha256:../../../etc/passwd"}], 7],
    ids=["none", "two", "nameless", "outside", "no-list"],
)
def test_a_layout_that_does_not_hold_one_image_is_refused(manifests: object, tmp_path: Path) -> None:
    with pytest.raises(Refused):
        read_layout(layout(tmp_path, manifests=manifests))


def test_a_manifest_that_is_not_what_the_index_names_is_refused(tmp_path: Path) -> None:
    folder = layout(tmp_path)
    (blob,) = (folder / "blobs" / "sha256").iterdir()
    blob.write_bytes(blob.read_bytes() + b" ")
    with pytest.raises(Refused, match="was changed"):
        read_layout(folder)
    blob.unlink()
    with pytest.raises(Refused, match="missing"):
        read_layout(folder)
    with pytest.raises(Refused, match="no OCI layout"):
        read_layout(tmp_path / "nowhere")


def test_marks_need_nothing_of_the_image_and_do_not_mark_one_another() -> None:
    files = unit_files()
    started = [text for text in files.values() if "ExecStart" in text]
    assert started == [files["system/stoneware-mark.service"]]
    for target in MARKED:
        assert f"ListenFIFO=/run/stoneware/at-{target}\n" in files[f"system/stoneware-at-{target}.socket"]
        assert files[f"system/stoneware-at-{target}.socket.d/10-stoneware.conf"] == "[Unit]\nOnFailure=\n"
    assert "OnFailure=stoneware-failed@%n.socket" in files["system/service.d/10-stoneware.conf"]
    links = unit_links(Masks(("getty.target",), ("systemd-getty-generator",)))
    assert links["system/getty.target"] == links["system-generators/systemd-getty-generator"] == "/dev/null"
    assert links["system/multi-user.target.wants/stoneware-at-multi-user.socket"] == "../stoneware-at-multi-user.socket"


def test_what_a_machine_is_told_replaces_what_it_was_told(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.tell({"config.env": "A=1", "system/x.service": "old"}, {"system/y.service": "/dev/null"})
    folder.tell({"config.env": "A=2"}, {"system/y.service": "/dev/null"})
    assert (folder.told / "config.env").read_text() == "A=2"
    assert (folder.told / "config.env").stat().st_mode & 0o777 == 0o640
    assert [path.name for path in (folder.told / "system").iterdir()] == ["y.service"]


@given(st.dictionaries(st.from_regex(r"[A-Z_]{1,5}", fullmatch=True), st.text(max_size=20), max_size=4))
def test_a_container_is_told_its_configuration_as_a_virtual_machine_is(config: dict[str, str]) -> None:
    assert config_env(config) == words.config_env(config)
    assert manager_environment(config) == words.manager_environment(config)
