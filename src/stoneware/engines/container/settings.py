"""podman's settings (containers.conf(5)) as a function of what this host can do.

They are a file of our own, named in CONTAINERS_CONF, so that the host's settings change nothing in our machines and ours
nothing outside them.
"""

from __future__ import annotations

import resource
import shutil
from dataclasses import dataclass
from pathlib import Path

SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
CAP_SYS_RESOURCE = 24
LIMITS = (("nofile", resource.RLIMIT_NOFILE), ("nproc", resource.RLIMIT_NPROC))


@dataclass(frozen=True)
class HostFacts:
    """What podman's settings depend on.

    `unified` says that cgroups are version 2 throughout; `systemd` that it is PID 1 here, so that it can keep the cgroups;
    `runtimes` are those installed; `limits` maps a limit to its hard value (-1: none) where we can't raise it.
    """

    unified: bool
    systemd: bool
    runtimes: tuple[str, ...]
    limits: tuple[tuple[str, int], ...] = ()

    @property
    def runtime(self) -> str | None:
        """crun where it works, which needs cgroups of version 2 throughout; else runc. None when neither can run here."""
        usable = [name for name in ("crun", "runc") if name in self.runtimes and (self.unified or name != "crun")]
        return usable[0] if usable else None

    @property
    def cgroup_manager(self) -> str:
        """Who makes the cgroups of containers."""
        return "systemd" if self.systemd else "cgroupfs"


def look_at_host() -> HostFacts:
    """Looks; starts nothing."""
    found = tuple(name for name in ("crun", "runc") if shutil.which(name, path=SYSTEM_PATH))
    limits = () if _may_raise_limits() else tuple((name, _hard_limit(which)) for name, which in LIMITS)
    return HostFacts(
        unified=Path("/sys/fs/cgroup/cgroup.controllers").exists(),
        systemd=Path("/run/systemd/system").is_dir(),
        runtimes=found,
        limits=limits,
    )


def containers_conf(facts: HostFacts, network: str = "") -> str:
    """The text of containers.conf. podman asks for higher limits than its own unless told otherwise: where it may not
    raise them, no container would start. `network` is that of containers that name none; `none` is none."""
    alone = 'netns = "none"\n' if network == "none" else ""
    default = f'default_network = "{network}"\n' if network not in ("", "none") else ""
    limits = ", ".join(f'"{name}={hard}:{hard}"' for name, hard in facts.limits if hard >= 0)
    return f"""\
[containers]
default_ulimits = [{limits}]
base_hosts_file = "none"
http_proxy = false
log_driver = "k8s-file"
{alone}[engine]
cgroup_manager = "{facts.cgroup_manager}"
runtime = "{facts.runtime or "runc"}"
events_logger = "none"
lock_type = "file"
[network]
network_backend = "netavark"
{default}"""


def _hard_limit(which: int) -> int:
    """What a container may have. podman lowers its own limit of processes to the kernel's (pid_max) before it starts one."""
    hard = resource.getrlimit(which)[1]
    if which != resource.RLIMIT_NPROC:
        return hard
    most = int(Path("/proc/sys/kernel/pid_max").read_text())
    return most if hard < 0 else min(hard, most)


def _may_raise_limits() -> bool:
    """Whether this process has CAP_SYS_RESOURCE (capabilities(7))."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("CapEff:"))
    return bool(int(line.split()[1], 16) >> CAP_SYS_RESOURCE & 1)
