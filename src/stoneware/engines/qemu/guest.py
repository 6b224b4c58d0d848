"""What a machine's keeper tells of it (`bake/guest/keeper`, `attest`), read strictly: nothing that comes from a guest is trusted to
have a shape. Pure.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence, Set

from stoneware.engines.mounts import Mount, mounts
from stoneware.engines.told import LISTENS, TABLES, active, listening, some
from stoneware.model.evidence import Inside, Layer

OURS = "/run/stoneware"
SECTION = re.compile(r"==> (.+) <==")
PROGRAM = re.compile(r"'/proc/\d+/exe'(?: -> '(/.*)')?")
"""Without a target: it ended while it was looked at."""
MOST_LINES = 100
"""Of a list, the keeper sends so many at most."""
TESTER = "stoneware-tester.service"
"""The agent of a machine under test: what such a machine is like is the record for those that have none."""
USUAL = frozenset(
    "/ /proc /sys /dev /run /tmp /dev/pts /dev/shm /run/lock /run/secrets /sys/fs/cgroup /sys/fs/pstore /sys/fs/bpf"
    " /sys/kernel/security /etc/hosts /etc/hostname /etc/resolv.conf /etc/machine-id".split()
)
"""What the initramfs mounts, and systemd by itself."""
LOADER = f"{OURS}/lib/ld-linux-x86-64.so.2"
"""Runs the keeper's own look at the layers, now and then. Nobody but root can start it."""
CREDENTIALS = "/run/credentials/"
"""Where systemd gives services theirs, a mount each (systemd.exec(5), LoadCredential=)."""


def told_files(name: str) -> dict[str, str]:
    """What the initramfs writes for a machine of this name, by the place where it is mounted."""
    hosts = f"127.0.0.1 localhost\n127.0.1.1 {name}\n"
    return {"/etc/hosts": hosts, "/etc/hostname": f"{name}\n", "/etc/resolv.conf": "nameserver 10.0.2.3\n"}


def inside(
    lines: Sequence[str], mounted: Set[str], files: Mapping[str, str], corrupted: Set[str], *, agent: bool
) -> Inside:
    """The evidence in a keeper's answer. Raises ValueError for one that is none.

    The machine was made with something mounted at `mounted`, and with `files` (`told_files`). Of the devices `corrupted`
    (`major:minor`) its kernel has complained. `agent`: it has one.
    """
    sections = _sections(lines)
    there = mounts(sections["/proc/self/mountinfo"])
    tables = {table: sections.get(f"/proc/net/{table}", []) for table in TABLES}
    ports = set().union(*(listening(table, listed) for table, listed in tables.items()))
    programs = [program for line in sections["programs"] if line and (program := _program(line))]
    return Inside(
        layers=_layers(sections.get(f"{OURS}/layers", []), corrupted),
        written=some(_written(sections, there, files)),
        mounted=some(_strange(there, mounted)),
        listening=some(ports),
        units=some(
            active(word for line in sections["units"] for word in line.split()) - ({TESTER} if agent else set())
        ),
        programs=some(program for program in programs if program != LOADER),
        sessions=some(_sessions(sections["sessions"])),
        complete=len(there) < MOST_LINES and not any(_is_cut_off(table, listed) for table, listed in tables.items()),
    )


def _sections(lines: Sequence[str]) -> dict[str, list[str]]:
    """Lines by what they are from. Two of one name could only be somebody's who wants to hide one of them."""
    found: dict[str, list[str]] = {}
    here: list[str] | None = None
    for line in lines:
        if header := SECTION.fullmatch(line):
            if header[1] in found:
                raise ValueError(f"it tells twice of {header[1][:80]!r}")
            here = found[header[1]] = []
        elif here is not None:
            here.append(line)
        else:
            raise ValueError(f"{line[:80]!r} belongs to nothing")
    for needed in ("units", "sessions", "programs", "/proc/self/mountinfo"):
        if needed not in found:
            raise ValueError(f"it doesn't tell of {needed}")
    return found


def _layers(lines: Sequence[str], corrupted: Set[str]) -> tuple[Layer, ...]:
    """What the device mapper says (the kernel's `admin-guide/device-mapper/verity.rst`), lowest layer first: `status layer-0: 0 N
    verity V` and `table layer-0: 0 N verity VERSION DEVICE DEVICE 4096 4096 BLOCKS START sha256 ROOT SALT`."""
    roots: dict[int, str] = {}
    devices: dict[int, str] = {}
    states: dict[int, str] = {}
    for line in lines:
        if not line:
            continue
        what, name, *fields = line.split()
        number = int(name.removeprefix("layer-").removesuffix(":"))
        if len(fields) < 4 or fields[2] != "verity" or what not in ("status", "table"):
            raise ValueError(f"{line[:80]!r} is no layer")
        if what == "status":
            states[number] = fields[3]
        else:
            roots[number], devices[number] = fields[11], fields[4]
    if not roots or roots.keys() != states.keys() or sorted(roots) != list(range(len(roots))):
        raise ValueError("it doesn't tell of all its layers")
    if not all(re.fullmatch(r"[0-9a-f]{64}", root) for root in roots.values()):
        raise ValueError("it tells of a root hash that is none")
    return tuple(
        Layer(root_hash=roots[number], corrupted=states[number] != "V" or devices[number] in corrupted)
        for number in sorted(roots)
    )


def _written(sections: Mapping[str, list[str]], there: Sequence[Mount], files: Mapping[str, str]) -> list[str]:
    """The root can't be written to as long as it is mounted as it was; beside it lie three small files in memory."""
    roots = [mount for mount in there if mount.where == "/"]
    found = [] if roots and roots[-1].read_only else ["/"]
    for place, text in files.items():
        said = sections.get(f"{OURS}/{place.rpartition('/')[2]}")
        if said is not None and [line for line in said if line] != text.splitlines():
            found.append(place)
    return found


def _strange(there: Sequence[Mount], mounted: Set[str]) -> list[str]:
    """Places where something is mounted that doesn't belong, or a second time."""
    places = [mount.where for mount in there if not mount.where.startswith(CREDENTIALS)]
    times = Counter(places)
    return [place for place in places if (place not in USUAL and place not in mounted) or times[place] > 1]


def _is_cut_off(table: str, lines: Sequence[str]) -> bool:
    """TCP's listeners come before its connections; UDP has none."""
    sent = [line for line in lines if line]
    last = sent[-1].split() if len(sent) >= MOST_LINES else []
    return bool(last) and (table.startswith("udp") or last[3:4] == [LISTENS["tcp"]])


def _program(line: str) -> str:
    found = PROGRAM.fullmatch(line)
    if found is None:
        raise ValueError(f"{line[:80]!r} is no program")
    return found[1] or ""


def _sessions(lines: Sequence[str]) -> list[str]:
    """Terminals that are open, and logins that logind knows. A pattern that met nothing stays what it is."""
    words = [word for line in lines for word in line.split() if "*" not in word and "[" not in word]
    terminals = [word.removeprefix("/dev/") for word in words if word.startswith("/dev/pts/")]
    return [
        *terminals,
        *(f"login {word.rpartition('/')[2]}" for word in words if word.startswith("/run/systemd/sessions/")),
    ]
