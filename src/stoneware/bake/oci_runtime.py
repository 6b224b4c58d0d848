"""runc for the steps of a commit's recipe, with what buildah has no words for: a limit of processes, an end before the host's own
programs when memory runs out, control groups that a step can't write to, and no mount of anything but the bake's own. It is a
program, started by its path, and imports nothing of ours.

    oci_runtime.py MOST_PROCESSES PLACES WORDS_FOR_RUNC...

PLACES are folders, divided by colons: what lies in one may be mounted. The first is buildah's store, of which a container's own
files may be.

The recipe was read before (`bounds`). This looks at what has become of it, for what a step has put somewhere shows only now:
buildah (1.28) finds the folder of a VOLUME through links, and takes what stands behind a comma there for options of a mount.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

RUNC = "runc"
MOUNTS = Path("/proc/self/mountinfo")
FIRST_TO_END = 1000
"""As the steps of builds have it (`pipeline/words.py`): where the host's memory runs out, they are ended before anything else."""
MADE_BY_THE_KERNEL = ("proc", "tmpfs", "sysfs", "devpts", "mqueue", "cgroup", "cgroup2")
_ESCAPED = re.compile(r"\\([0-7]{3})")
_PLAIN = re.compile(r"[A-Za-z0-9_./@+-]+")


@dataclass(frozen=True)
class Mount:
    """One of the host (proc(5), `/proc/PID/mountinfo`): `root` is the folder of the file system that is seen at `at`."""

    device: str
    root: str
    at: str
    kind: str
    options: tuple[str, ...]


def mounts_of(text: str) -> list[Mount]:
    """The lines of a mountinfo, the oldest first."""
    found = []
    for line in text.split("\n"):
        if not line:
            continue
        before, _, after = line.partition(" - ")
        _, _, device, root, at, *_ = before.split(" ")
        kind, _, options = after.split(" ", 2)
        found.append(Mount(device, _read(root), _read(at), kind, tuple(options.split(","))))
    return found


def held(config: dict[str, Any], most_processes: int) -> dict[str, Any]:
    """The configuration of a container (OCI runtime specification) with these limits; the same where it has them already."""
    resources = config.setdefault("linux", {}).setdefault("resources", {})
    resources["pids"] = {"limit": most_processes}
    config.setdefault("process", {})["oomScoreAdj"] = FIRST_TO_END
    for mount in config.get("mounts", []):
        if mount.get("type") in ("cgroup", "cgroup2"):
            mount["options"] = [*(option for option in mount.get("options", []) if option not in ("rw", "ro")), "ro"]
    return config


def strange(config: dict[str, Any], places: Sequence[str], mounts: Sequence[Mount]) -> Iterator[str]:
    """Where a container would see what is neither its own nor in one of these places."""
    containers = str(Path(places[0]) / "overlay-containers")
    known = [_origin(place, mounts) for place in (*places[1:], containers)]
    for mount in config.get("mounts", []):
        kind, source, options = mount.get("type"), mount.get("source", ""), mount.get("options", [])
        bound = kind == "bind" or {"bind", "rbind"} & set(options)
        over = next((one for one in reversed(mounts) if one.at == source), None)
        if kind == "overlay":
            fits = _is_own_layer(options, config["root"]["path"], places[0])
        elif bound and over is not None and over.kind == "overlay" and _is_in(source, containers):
            fits = _is_own_layer(over.options, config["root"]["path"], places[0])
        elif bound:
            device, root = _origin(os.path.realpath(source), mounts)
            fits = any(device == own and _is_in(root, folder) for own, folder in known)
        else:
            fits = kind in MADE_BY_THE_KERNEL
        if not fits:
            yield str(mount.get("destination"))


def _is_own_layer(options: Sequence[str], root: str, store: str) -> bool:
    """Whether an overlay shows a folder of this container alone, over which it writes to the container's own files."""
    given = [option.partition("=")[::2] for option in options if "dir=" in option]
    folders = dict(given)
    if len(given) != 3 or set(folders) != {"lowerdir", "upperdir", "workdir"}:
        return False
    if not all(_PLAIN.fullmatch(path) and os.path.realpath(path) == path for path in folders.values()):
        return False
    layer = re.match(rf"{re.escape(store)}/overlay/[^/]+/merged(?=/)", folders["lowerdir"])
    ours = all(_is_in(folders[key], f"{store}/overlay-containers") for key in ("upperdir", "workdir"))
    return ours and layer is not None and Path(layer[0]).samefile(root)


def _origin(path: str, mounts: Sequence[Mount]) -> tuple[str, str]:
    """The file system that a path is on, and its place there."""
    over = next(one for one in sorted(reversed(mounts), key=lambda one: -len(one.at)) if _is_in(path, one.at))
    return over.device, os.path.normpath(f"{over.root.rstrip('/')}/{os.path.relpath(path, over.at)}")


def _is_in(path: str, folder: str) -> bool:
    return path == folder or path.startswith(f"{folder.rstrip('/')}/")


def _read(text: str) -> str:
    return _ESCAPED.sub(lambda found: chr(int(found[1], 8)), text)


def main(most_processes: str, places: str, *words: str) -> None:
    """Becomes runc. A bundle that it is told to create a container from is looked at and gets the limits first."""
    if "create" in words or "run" in words:
        bundle = words[words.index("--bundle") + 1]  # without it nothing is created
        file = Path(bundle) / "config.json"
        config = json.loads(file.read_text())
        for where in strange(config, [*places.split(":"), bundle], mounts_of(MOUNTS.read_text())):
            sys.exit(f"{where} would show what isn't of this recipe: a link leads out of it")
        file.write_text(json.dumps(held(config, int(most_processes))))
    os.execvp(RUNC, [RUNC, *words])  # noqa: S606 - this process is to be runc


if __name__ == "__main__":
    main(*sys.argv[1:])
