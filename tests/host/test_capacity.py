"""What a host has, and what a control group leaves of it, in both of their generations."""

from __future__ import annotations

from pathlib import Path

import pytest

from stoneware.host.capacity import LEAST_RESERVE, host_share

GIB = 2**30
UNLIMITED_V1 = "9223372036854771712"
V2 = ("0::/system.slice/stoneware.service", "31 23 0:28 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw")
V1 = (
    "4:memory:/jobs/one\n2:cpu,cpuacct:/jobs/one",
    "35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
    "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct",
)


def host(root: Path, groups: tuple[str, str], files: dict[str, str]) -> Path:
    """A host of 8 cores and 32 GiB, with these control group files."""
    written = {
        "proc/cpuinfo": "".join(f"processor\t: {n}\nbogomips\t: 1\n\n" for n in range(8)),
        "proc/meminfo": f"MemTotal:       {32 * GIB // 1024} kB\nMemFree:        1 kB\n",
        "proc/self/cgroup": groups[0] + "\n",
        "proc/self/mountinfo": groups[1] + "\n",
        **{f"sys/fs/cgroup/{path}": text for path, text in files.items()},
    }
    for path, text in written.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    return root


CASES = {
    "v2 without limits": (
        V2,
        {"system.slice/memory.max": "max\n", "system.slice/cpu.max": "max 100000\n"},
        8,
        32 * GIB,
    ),
    "v2, own group": (
        V2,
        {
            "system.slice/stoneware.service/memory.max": f"{8 * GIB}\n",
            "system.slice/stoneware.service/cpu.max": "250000 100000\n",
        },
        2,
        8 * GIB,
    ),
    "v2, a group above is stricter": (
        V2,
        {"system.slice/stoneware.service/memory.max": f"{8 * GIB}\n", "system.slice/memory.max": f"{4 * GIB}\n"},
        8,
        4 * GIB,
    ),
    "v2, less than a core": (V2, {"system.slice/cpu.max": "50000 100000\n"}, 1, 32 * GIB),
    "v2 in a container, seen from its own root": (V2, {"memory.max": f"{2 * GIB}\n"}, 8, 2 * GIB),
    "v1 without limits": (
        V1,
        {
            "memory/jobs/one/memory.limit_in_bytes": UNLIMITED_V1,
            "cpu,cpuacct/jobs/one/cpu.cfs_quota_us": "-1",
            "cpu,cpuacct/jobs/one/cpu.cfs_period_us": "100000",
        },
        8,
        32 * GIB,
    ),
    "v1, own group": (
        V1,
        {
            "memory/jobs/one/memory.limit_in_bytes": f"{16 * GIB}",
            "memory/memory.limit_in_bytes": UNLIMITED_V1,
            "cpu,cpuacct/jobs/one/cpu.cfs_quota_us": "400000",
            "cpu,cpuacct/jobs/one/cpu.cfs_period_us": "100000",
        },
        4,
        16 * GIB,
    ),
    "no control groups but systemd's own": (
        ("9:name=systemd:/", "37 31 0:38 / /proc rw - proc proc rw"),
        {},
        8,
        32 * GIB,
    ),
}


@pytest.mark.parametrize(("groups", "files", "cpus", "total"), CASES.values(), ids=CASES.keys())
def test_the_strictest_limit_holds(
    tmp_path: Path, groups: tuple[str, str], files: dict[str, str], cpus: int, total: int
) -> None:
    found = host_share(host(tmp_path, groups, files))
    assert found.cpus == cpus
    assert found.memory_bytes == total - max(LEAST_RESERVE, total // 16)


def test_a_small_host_keeps_something_back_all_the_same(tmp_path: Path) -> None:
    files = {"system.slice/memory.max": f"{LEAST_RESERVE // 2}"}
    assert host_share(host(tmp_path, V2, files)).memory_bytes == 0


def test_this_host_can_be_looked_at() -> None:
    found = host_share()
    assert found.cpus >= 1
    assert found.memory_bytes > 0
