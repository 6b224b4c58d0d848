"""What a look for drift costs: every machine is asked what it runs, and compared with what is declared."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile

from bench.ground import ROOT, Ground, say
from bench.registry import Figure, benchmark

MACHINES = 1_000
A_DEPLOYMENT = 100
RUNS = 5
LIMIT_S = 120


@benchmark("drift.thousand_s", unit="s", limit=1.0)
def thousand_s(ground: Ground) -> Figure:
    """One look at every deployment: a thousand simulated machines in ten of them, a tenth with disks."""
    costs = [_run() for _ in range(ground.runs(RUNS))]
    detail = f"one look at {MACHINES} simulated machines in {MACHINES // A_DEPLOYMENT} deployments, all well"
    return Figure([one["look_s"] for one in costs], detail)


def _run() -> dict[str, float]:
    say(f"a look for drift at {MACHINES} machines")
    with tempfile.TemporaryDirectory(prefix="stoneware-") as folder:
        argv = [sys.executable, "-m", "bench.many_looks", str(MACHINES), str(MACHINES // A_DEPLOYMENT), folder]
        ended = subprocess.run(argv, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True, timeout=LIMIT_S)
    cost: dict[str, float] = json.loads(ended.stdout)
    return cost
