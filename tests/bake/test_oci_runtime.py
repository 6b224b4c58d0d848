"""What the steps of a commit's recipe are held to, in the runtime's own words."""

from __future__ import annotations

from typing import Any

from stoneware.bake.oci_runtime import held


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
    assert held({}, 7) == {"linux": {"resources": {"pids": {"limit": 7}}}}
