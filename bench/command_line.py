"""How long a person waits for the command line when it has nothing to do but say what it can."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from bench.ground import Ground
from bench.registry import Figure, benchmark

RUNS = 20


@benchmark("cli.help_s", unit="s", limit=0.25)
def help_s(ground: Ground) -> Figure:
    """`stoneware --help` as a whole process, from start to exit. The first one, which may write bytecode, isn't counted."""
    program = Path(sys.executable).with_name("stoneware")
    samples = [_seconds(program) for _ in range(ground.runs(RUNS) + 1)][1:]
    return Figure(samples, "a whole process each, started from a warm page cache")


def _seconds(program: Path) -> float:
    began = time.monotonic()
    subprocess.run([program, "--help"], check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - began
