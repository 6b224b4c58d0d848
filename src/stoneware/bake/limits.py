"""What a step of a commit's recipe may use of the host, as the words of buildah: as much as a step of its build; and what it
may see."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

from stoneware.bake import oci_runtime
from stoneware.bake.workspace import Workspace
from stoneware.errors import BakeFailed
from stoneware.host.capacity import host_share

MOST_PROCESSES = 4096


def limit_words(space: Workspace, context: Path) -> list[str | Path]:
    """The words behind `buildah bud`; the runtime that they name is written to the bake's folder. Steps may mount what lies in the
    context, and caches, which buildah keeps in its folder for what is temporary.

    Raises BakeFailed for a place that the runtime can't be told.
    """
    places = [
        str(place.resolve()) for place in (space.home.build / "store" / "root", context, space.folder / "buildah-cache")
    ]
    if any(":" in place for place in places):
        raise BakeFailed(
            "a colon is in the path of the home or of the recipe's folder", next_step="name that folder otherwise"
        )
    runtime = space.folder / "runtime"
    words = [sys.executable, "-I", "-S", oci_runtime.__file__, str(MOST_PROCESSES), ":".join(places)]
    runtime.write_text(f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n')
    runtime.chmod(0o700)
    return ["--runtime", runtime, "--memory", f"{host_share().memory_bytes // 2}b"]
