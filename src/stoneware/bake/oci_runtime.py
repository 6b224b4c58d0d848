"""runc for the steps of a commit's recipe, with what buildah has no words for: a limit of processes, and control groups that a step
can't write to. It is started as a program, by its path, and imports nothing of ours.

    oci_runtime.py MOST_PROCESSES WORDS_FOR_RUNC...
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

RUNC = "runc"


def held(config: dict[str, Any], most_processes: int) -> dict[str, Any]:
    """The configuration of a container (OCI runtime specification) with these limits; the same where it has them already."""
    resources = config.setdefault("linux", {}).setdefault("resources", {})
    resources["pids"] = {"limit": most_processes}
    for mount in config.get("mounts", []):
        if mount.get("type") in ("cgroup", "cgroup2"):
            mount["options"] = [*(option for option in mount.get("options", []) if option not in ("rw", "ro")), "ro"]
    return config


def main(most_processes: str, *words: str) -> None:
    """Becomes runc. A bundle that it is told to create a container from gets the limits first."""
    if "create" in words or "run" in words:
        file = Path(words[words.index("--bundle") + 1]) / "config.json"  # without it nothing is created
        file.write_text(json.dumps(held(json.loads(file.read_text()), int(most_processes))))
    os.execvp(RUNC, [RUNC, *words])  # noqa: S606 - this process is to be runc


if __name__ == "__main__":
    main(*sys.argv[1:])
