"""What a step of a commit's recipe may use of the host, as the words of buildah: as much as a step of its build."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

from stoneware.bake import oci_runtime
from stoneware.host.capacity import host_share

MOST_PROCESSES = 4096


def limit_words(folder: Path) -> list[str | Path]:
    """The words behind `buildah bud`; the runtime that they name is written to the bake's folder."""
    runtime = folder / "runtime"
    program = shlex.join([sys.executable, "-I", "-S", oci_runtime.__file__, str(MOST_PROCESSES)])
    runtime.write_text(f'#!/bin/sh\nexec {program} "$@"\n')
    runtime.chmod(0o700)
    return ["--runtime", runtime, "--memory", f"{host_share().memory_bytes // 2}b"]
