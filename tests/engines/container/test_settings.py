"""podman's settings follow what the host can do."""

from __future__ import annotations

import tomllib

import pytest

from stoneware.engines.container.settings import HostFacts, containers_conf


@pytest.mark.parametrize(
    ("unified", "installed", "runtime"),
    [
        (True, ("crun", "runc"), "crun"),
        (True, ("runc",), "runc"),
        (True, ("crun",), "crun"),
        (False, ("crun", "runc"), "runc"),
        (False, ("crun",), None),
        (True, (), None),
    ],
)
def test_the_runtime_is_one_that_works_with_the_cgroups(
    unified: bool, installed: tuple[str, ...], runtime: str | None
) -> None:
    assert HostFacts(unified=unified, systemd=False, runtimes=installed).runtime == runtime


def test_a_host_with_systemd_and_all_rights_keeps_podmans_own_limits() -> None:
    told = tomllib.loads(containers_conf(HostFacts(unified=True, systemd=True, runtimes=("crun",))))
    assert told["engine"]["cgroup_manager"] == "systemd"
    assert told["engine"]["runtime"] == "crun"
    assert told["containers"]["default_ulimits"] == []


def test_limits_that_cannot_be_raised_are_kept() -> None:
    facts = HostFacts(
        unified=False, systemd=False, runtimes=("runc",), limits=(("nofile", 20000), ("nproc", 32768), ("core", -1))
    )
    told = tomllib.loads(containers_conf(facts))
    assert told["engine"]["cgroup_manager"] == "cgroupfs"
    assert told["containers"]["default_ulimits"] == ["nofile=20000:20000", "nproc=32768:32768"]
    assert told["network"]["network_backend"] == "netavark"
