"""Who is in a container, wherever he hides, and who came from outside."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from stoneware.engines.container.processes import is_astray, processes_in

OWN = {("memory",): "/pod/x", ("name=systemd",): "/pod/x/init.scope"}


@pytest.mark.parametrize(
    ("groups", "astray"),
    [
        (OWN, False),
        ({**OWN, ("name=systemd",): "/pod/x/system.slice/nginx.service"}, False),
        ({**OWN, ("name=systemd",): "/pod/x"}, True),  # where `podman exec` puts it
        ({**OWN, ("memory",): "/"}, True),
        ({**OWN, ("memory",): "/pod/xy"}, True),
        ({}, True),
    ],
)
def test_who_is_in_other_groups_came_from_outside(groups: dict[tuple[str, ...], str], astray: bool) -> None:
    assert is_astray(groups, OWN) is astray


@pytest.mark.skipif(os.geteuid() != 0, reason="namespaces want root")
def test_nobody_hides_in_namespaces_below() -> None:
    """Two processes one inside the other's process numbers; the inner one is found from the outer one."""
    inner = "import time; print('up', flush=True); time.sleep(60)"
    words = [
        "unshare",
        "--pid",
        "--mount",
        "--fork",
        "--kill-child",
        "unshare",
        "--pid",
        "--mount",
        "--fork",
        "--kill-child",
    ]
    outer = subprocess.Popen([*words, sys.executable, "-c", inner], stdout=subprocess.PIPE, text=True)
    try:
        assert outer.stdout is not None and outer.stdout.readline() == "up\n"
        [first] = _children(outer.pid)
        [second] = _children(first)
        found = {one.pid for one in processes_in(first)}
        assert found == {first, second}
    finally:
        outer.kill()
        outer.communicate()


def _children(pid: int) -> list[int]:
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
