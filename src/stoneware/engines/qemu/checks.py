"""What `stoneware doctor` wants to know of this host before a machine can run on it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable

from stoneware.engines.qemu.accelerator import QEMU, Accelerator
from stoneware.errors import StonewareError
from stoneware.host.home import Home
from stoneware.host.run import run
from stoneware.model.finding import Finding, Level
from stoneware.model.quantity import format_size

LOW_DISK_BYTES = 5 * 2**30
LOW_MEMORY_BYTES = 2 * 2**30


def check_host(home: Home, accelerator: Callable[[], Accelerator]) -> list[Finding]:
    """QEMU, the accelerator, and room for machines. Changes nothing but the accelerator's remembered verdict."""
    findings = [_qemu()]
    if findings[0].level == "ok":
        found = accelerator()
        level: Level = "ok" if found.name == "kvm" else "warn"
        hint = "" if found.name == "kvm" else "it works; for speed, use a host with KVM and rights on /dev/kvm"
        findings.append(Finding(name="accelerator", level=level, text=found.why, next_step=hint))
    for tool in ("mke2fs", "veritysetup"):
        there = shutil.which(tool) or shutil.which(tool, path="/usr/sbin:/sbin")
        findings.append(
            Finding(
                name=tool,
                level="ok" if there else "fail",
                text=there or "not installed",
                next_step="" if there else "install it",
            )
        )
    return [*findings, _memory(), _disk(home)]


def _qemu() -> Finding:
    try:
        first = run([QEMU, "--version"], timeout_s=10).stdout.splitlines()[0]
    except StonewareError as missing:
        return Finding(name="qemu", level="fail", text=str(missing.message), next_step="install qemu-system-x86")
    return Finding(name="qemu", level="ok", text=first)


def _memory() -> Finding:
    free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    text = f"{os.cpu_count()} cores, {total // 2**20} MiB memory, {free // 2**20} MiB free"
    level: Level = "ok" if free >= LOW_MEMORY_BYTES else "warn"
    return Finding(name="room", level=level, text=text, next_step="" if level == "ok" else "few machines will fit")


def _disk(home: Home) -> Finding:
    folder = next(path for path in (home.root, *home.root.parents) if path.exists())
    free = shutil.disk_usage(folder).free
    level: Level = "ok" if free >= LOW_DISK_BYTES else "warn"
    text = f"{format_size(free // 2**20 * 2**20)} free at {folder}"
    return Finding(
        name="disk space", level=level, text=text, next_step="" if level == "ok" else "a bake needs about 3 GiB"
    )
