"""What `stoneware doctor` wants to know of this host before a container can run on it.

A host may do without: what is missing is a warning, for only deployments with `engine: container` need it.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from stoneware.engines.container.disks import loops_work
from stoneware.engines.container.settings import SYSTEM_PATH, HostFacts, look_at_host
from stoneware.errors import StonewareError
from stoneware.host.run import run
from stoneware.model.finding import Finding

NETAVARK = (
    Path("/usr/lib/podman/netavark"),
    Path("/usr/libexec/podman/netavark"),
    Path("/usr/local/libexec/podman/netavark"),
)
WITHOUT = "without it, engine `container` can't be used: "


def check_host() -> list[Finding]:
    """podman and what it needs. Starts nothing that lasts."""
    try:
        version = run(["podman", "--version"], timeout_s=10).stdout.strip()
    except StonewareError as missing:
        return [_warning("podman", missing.message, f"{WITHOUT}install podman netavark")]
    facts = look_at_host()
    return [Finding(name="podman", level="ok", text=version), _runtime(facts), _cgroups(facts), *_network(), _disks()]


def _runtime(facts: HostFacts) -> Finding:
    if facts.runtime is None:
        found = f"{', '.join(facts.runtimes)} can't work with cgroups v1" if facts.runtimes else "neither crun nor runc"
        return _warning("container runtime", found, f"{WITHOUT}install runc")
    return Finding(name="container runtime", level="ok", text=facts.runtime)


def _cgroups(facts: HostFacts) -> Finding:
    text = f"cgroups v{2 if facts.unified else 1}, kept by {'systemd' if facts.systemd else 'podman'}"
    if facts.limits:
        text += "; limits of processes can't be raised here: machines get this daemon's own"
    return Finding(name="cgroups", level="ok", text=text)


def _network() -> Sequence[Finding]:
    findings = []
    backend = next((str(path) for path in NETAVARK if path.exists()), None)
    for name, found, package in (
        ("netavark", backend, "netavark"),
        ("iptables", shutil.which("iptables", path=SYSTEM_PATH), "iptables"),
    ):
        if found:
            findings.append(Finding(name=name, level="ok", text=found))
        else:
            findings.append(_warning(name, "not installed", f"{WITHOUT}install {package}"))
    if os.geteuid() != 0:
        findings.append(_warning("container rights", "bridges and mounts need root", "run `stoneware serve` as root"))
    return findings


def _disks() -> Finding:
    if loops_work():
        return Finding(name="loop devices", level="ok", text="disks of containers keep to their size")
    text = "no loop devices: disks of containers are folders, whose size is not enforced"
    return _warning("loop devices", text, "load the module loop, to have sizes enforced")


def _warning(name: str, text: str, next_step: str) -> Finding:
    return Finding(name=name, level="warn", text=text, next_step=next_step)
