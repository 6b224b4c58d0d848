"""What the steps of a commit's recipe are held to, in the runtime's own words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from stoneware.bake.oci_runtime import held, mounts_of, strange


def test_a_configuration_gets_a_limit_of_processes_and_control_groups_to_read() -> None:
    config: dict[str, Any] = {
        "linux": {"resources": {"memory": {"limit": 1}, "pids": {"limit": 0}}},
        "mounts": [
            {"type": "cgroup", "destination": "/sys/fs/cgroup", "options": ["nosuid", "rw"]},
            {"type": "cgroup2", "destination": "/else"},
            {"type": "proc", "destination": "/proc", "options": ["rw"]},
        ],
    }
    made = held(config, 7)
    assert made["linux"] == {"resources": {"memory": {"limit": 1}, "pids": {"limit": 7}}}
    assert [mount.get("options") for mount in made["mounts"]] == [["nosuid", "ro"], ["ro"], ["rw"]]
    assert held({}, 7) == {"linux": {"resources": {"pids": {"limit": 7}}}, "process": {"oomScoreAdj": 1000}}


HOST = r"""
1 0 254:0 / / rw - ext4 /dev/vda rw
2 1 0:5 / /home\040x rw - ext4 /dev/vdb rw
3 1 254:0 /recipe/in /bundle/mnt/target-1 rw - ext4 /dev/vda rw
4 1 254:0 / /bundle/mnt/target-2 rw - ext4 /dev/vda rw
5 1 0:5 /recipe/in /bundle/mnt/target-3 rw - ext4 /dev/vdb rw
6 1 254:0 /recipes /bundle/mnt/target-4 rw - ext4 /dev/vda rw
"""


@pytest.mark.parametrize(
    ("mount", "fits"),
    [
        ({"type": "proc", "source": "proc"}, True),
        ({"type": "bind", "source": "/bundle/hostname"}, True),
        ({"type": "bind", "source": "/bundle/mnt/target-1"}, True),
        ({"type": "bind", "source": "/bundle/mnt/target-2"}, False),
        ({"type": "bind", "source": "/bundle/mnt/target-3"}, False),
        ({"type": "bind", "source": "/bundle/mnt/target-4"}, False),
        ({"type": "bind", "source": "/etc"}, False),
        ({"type": "tmpfs", "source": "/etc", "options": ["rbind"]}, False),
        ({"type": "bind", "source": "/bundle/../etc"}, False),
        ({"type": "ext4", "source": "/dev/vda"}, False),
        ({"type": "overlay", "source": "overlay", "options": ["lowerdir=/etc"]}, False),
        ({"source": "/etc"}, False),
    ],
)
def test_what_is_not_of_a_bake_is_strange_to_it(mount: dict[str, Any], *, fits: bool) -> None:
    config = {"root": {"path": "/bundle/rootfs"}, "mounts": [{"destination": "/m", **mount}]}
    assert list(strange(config, ["/store", "/recipe", "/bundle"], mounts_of(HOST.strip()))) == ([] if fits else ["/m"])


def test_a_volume_is_a_folder_of_its_own_container(tmp_path: Path) -> None:
    own, other = (tmp_path / "overlay" / name / "merged" for name in ("own", "other"))
    writes = tmp_path / "overlay-containers" / "id"
    for folder in (own / "data", other / "data", writes / "upper", writes / "work", own / "a,lowerdir="):
        folder.mkdir(parents=True)
    (own / "link").symlink_to(other)
    rest = [f"upperdir={writes}/upper", f"workdir={writes}/work", "private"]

    def fits(*options: str) -> bool:
        mount = {"destination": "/v", "type": "overlay", "source": "x", "options": list(options)}
        config = {"root": {"path": str(own)}, "mounts": [mount]}
        return not list(strange(config, [str(tmp_path), "/recipe"], mounts_of(HOST.strip())))

    assert fits(f"lowerdir={own}/data", *rest)
    for lower in (
        other / "data",
        own / "link" / "data",
        own / "a,lowerdir=/etc",
        f"{own}/data:/etc",
        f"{own}/../../other/merged",
    ):
        assert not fits(f"lowerdir={lower}", *rest)
    assert not fits(f"lowerdir={own}/data", "lowerdir=/etc", *rest)
    assert not fits(f"lowerdir={own}/data", f"upperdir={own}/data", rest[1])
