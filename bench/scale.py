"""What many machines cost the control plane: planning for all of them, and one pass of the reconciler over them."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile

from bench.ground import ROOT, Ground, say
from bench.registry import Figure, benchmark

MACHINES = 10_000
A_DEPLOYMENT = 100
RUNS = 3
LIMIT_S = 300

Cost = dict[str, float]


@benchmark("scale.plan_s", unit="s", limit=2)
def plan_s(ground: Ground) -> Figure:
    """A plan of every deployment, to another image, and one pass over all machines."""
    costs = _costs(ground, MACHINES)
    plans, passes = (sorted(one[part] for one in costs)[len(costs) // 2] for part in ("plan_s", "pass_s"))
    detail = f"{MACHINES // A_DEPLOYMENT} plans {plans:.2f} s, one pass over {MACHINES} machines {passes:.2f} s"
    return Figure([_seconds(one) for one in costs], detail)


@benchmark("scale.rss_mb", unit="MB", limit=300)
def rss_mb(ground: Ground) -> Figure:
    """The most memory that the process ever had, the simulated cloud included."""
    return Figure(
        [one["rss_mb"] for one in _costs(ground, MACHINES)], "peak resident size, 10^6 bytes, with the fake cloud"
    )


@benchmark("scale.growth", unit="ratio", limit=13)
def growth(ground: Ground) -> Figure:
    """The same with a tenth of the machines, in a tenth of the deployments."""
    small = _costs(ground, MACHINES // 10)
    ratios = [_seconds(large) / _seconds(one) for large, one in zip(_costs(ground, MACHINES), small, strict=True)]
    took = ", ".join(f"{_seconds(one):.3f}" for one in small)
    return Figure(ratios, f"time at {MACHINES} machines over time at {MACHINES // 10} ({took} s)")


def _seconds(cost: Cost) -> float:
    return cost["plan_s"] + cost["pass_s"]


def _costs(ground: Ground, machines: int) -> list[Cost]:
    return ground.once(f"many:{machines}", lambda: [_run(machines) for _ in range(ground.runs(RUNS))])


def _run(machines: int) -> Cost:
    say(f"{machines} machines in {machines // A_DEPLOYMENT} deployments")
    with tempfile.TemporaryDirectory(prefix="stoneware-") as folder:
        argv = [sys.executable, "-m", "bench.many", str(machines), str(machines // A_DEPLOYMENT), folder]
        ended = subprocess.run(argv, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True, timeout=LIMIT_S)
    cost: Cost = json.loads(ended.stdout)
    return cost
