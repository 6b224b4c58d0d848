"""podman's command line as a function of what is wanted. Nothing here looks at the host or starts anything."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from stoneware.engines.container.folder import Folder, MachineRecord
from stoneware.engines.container.images import ImageRecord
from stoneware.engines.container.networks import Network, mac_address
from stoneware.engines.engine import SECRETS

CAPABILITIES = ("CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "NET_BIND_SERVICE", "SETGID", "SETUID")
"""What services need to serve as users of their own (capabilities(7))."""
SYSTEMD_CAPABILITIES = ("SETPCAP", "SYS_CHROOT")
"""What systemd needs beyond that to limit its services further."""
ROOT = ("", "0", "root")
"""How an image names the user that may have them."""
ANY_PORT = "net.ipv4.ip_unprivileged_port_start=0"
"""Lets a program without capabilities listen where its image says; the network is the machine's own (the kernel's
`Documentation/networking/ip-sysctl.rst`)."""
MOST_PROCESSES = 2048
LARGEST_CONSOLE = "10mb"
IN_MEMORY = ("/run", "/tmp")  # noqa: S108 - folders of the machine
"""Empty at each start. Where systemd is, podman makes them by itself."""

SYSTEMD_WORDS = (
    "systemd.unit=multi-user.target",
    "systemd.show_status=false",
    "systemd.log_level=warning",
    "systemd.log_color=false",
    "systemd.journald.forward_to_console=1",
    "systemd.journald.max_level_console=warning",
)
"""In a container, systemd takes its own words for the kernel's command line."""


def create_words(
    folder: Folder, record: MachineRecord, image: ImageRecord, network: Network, mounts: Mapping[str, Path]
) -> list[str]:
    """The words that make a machine's container. `mounts` says where on this host each of its disks is mounted."""
    wanted = record.wanted
    words = [
        "create",
        "--name",
        wanted.name,
        "--hostname",
        host_name(wanted.name),
        "--pull=never",
        "--tty",
        "--sdnotify=ignore",
    ]
    words += ["--network", f"{network.name}:ip={record.ip},mac={mac_address(record.ip)}"]
    words += ["--cpus", str(wanted.cpus), "--memory", f"{wanted.memory_bytes}b"]
    words += ["--memory-swap", f"{wanted.memory_bytes}b", "--pids-limit", str(MOST_PROCESSES)]
    words += ["--security-opt", "no-new-privileges", "--cap-drop=all", *_rights(image)]
    # what an image declares as volumes would be writable, and stay: a machine has its disks for that
    words += ["--read-only", "--read-only-tmpfs=false", "--image-volume=ignore"]
    words += [
        "--log-driver",
        "k8s-file",
        "--log-opt",
        f"path={folder.console}",
        "--log-opt",
        f"max-size={LARGEST_CONSOLE}",
    ]
    for label in ("owner", "group", "fleet", "index", "digest"):
        words += ["--label", f"org.stoneware.{label}={getattr(wanted, label)}"]
    if wanted.secrets:
        words += ["--tmpfs", f"{SECRETS}:rw,nosuid,nodev,noexec,notmpcopyup,mode=0755"]
    for path in image.writable:
        words += ["--tmpfs", f"{path}:rw,nosuid,nodev"]
    for mount in wanted.disks:
        words += ["--volume", f"{mounts[mount.disk]}:{mount.mount}:rw,nosuid,nodev,rprivate"]
    return [*words, *_inside(folder, image)]


def entrypoint_env(config: Mapping[str, str]) -> str:
    """The configuration as podman's --env-file: a line each, values as they are."""
    return "".join(f"{key}={value}\n" for key, value in sorted(config.items()))


def host_name(machine: str) -> str:
    """A machine's name as far as a host name goes: 63 characters (RFC 1035, 2.3.4), where the kernel takes 64."""
    return machine[:63].rstrip("-")


def machine_id(folder: Folder, record: MachineRecord) -> str:
    """The text of /etc/machine-id (machine-id(5)): another for each machine, the same for its whole life."""
    return hashlib.sha256(f"{folder.path} {record.created_at}".encode()).hexdigest()[:32] + "\n"


def _rights(image: ImageRecord) -> list[str]:
    """What the first process may. podman makes what it adds ambient for a user other than root, who would hold it all."""
    if image.init:
        return [f"--cap-add={','.join((*CAPABILITIES, *SYSTEMD_CAPABILITIES))}"]
    if image.user.partition(":")[0] in ROOT:
        return [f"--cap-add={','.join(CAPABILITIES)}"]
    return ["--sysctl", ANY_PORT]


def _inside(folder: Folder, image: ImageRecord) -> list[str]:
    """The image's name, and what is started in it."""
    if not image.init:
        words = [word for path in IN_MEMORY for word in ("--tmpfs", f"{path}:rw,nosuid,nodev,notmpcopyup")]
        return [*words, "--systemd=false", "--env-file", str(folder.told / "env"), image.reference]
    words = ["--systemd=always", "--user", "0:0", "--entrypoint", json.dumps([image.init])]
    for name, target in folder.told_to_systemd().items():
        words += ["--volume", f"{folder.told / name}:{target}:ro,rprivate"]
    return [*words, image.reference, *SYSTEMD_WORDS]
