"""How new versions come in, at random: strategies, with what belongs to them."""

from __future__ import annotations

from random import Random
from typing import Any

PORT = 80
SAMPLES = 10
"""So many answers, and a verdict is one."""


def way_in(rng: Random, *, disks: bool) -> dict[str, Any]:
    """The `rollout` of a group. Both versions at once is for groups without disks."""
    wishes = {"blue_green": 5, "recreate": 2} if disks else {"blue_green": 2, "rolling": 4, "canary": 4, "recreate": 1}
    strategy = rng.choices(list(wishes), weights=list(wishes.values()))[0]
    common = {
        "strategy": strategy,
        "bake_time": rng.choice(["1s", "3s", "6s"]),
        "drain": rng.choice(["0s", "1s", "3s"]),
        "hold_limit": rng.choice(["10s", "20s"]),
        "progress_deadline": rng.choice(["15s", "30s"]),
        "keep_stopped": rng.choice(["5s", "60s", "1h"]),
        "auto_rollback": rng.random() < 0.85,
        "approval": rng.random() < 0.1,
        "boot_tries": rng.choice([1, 2, 3]),
        "unavailable": rng.choice([0, 0, 1]),
    }
    particulars = {"rolling": _turns, "canary": _steps}.get(strategy, lambda _: {})
    return common | particulars(rng) | (_care_for_data(rng) if disks else {}) | _analysis(rng, strategy)


def _turns(rng: Random) -> dict[str, Any]:
    return rng.choice(
        [{}, {"surge": 1, "unavailable": 0}, {"surge": 2, "unavailable": 1}, {"surge": 0, "unavailable": 1}]
    )


def _steps(rng: Random) -> dict[str, Any]:
    shares = sorted(rng.sample([1, 10, 25, 50, 99], k=rng.choice([1, 2, 2])))
    steps = [{"share": one, "duration": rng.choice(["1s", "3s"]), "approval": rng.random() < 0.1} for one in shares]
    return {"steps": steps, "baseline": rng.random() < 0.5}


def _analysis(rng: Random, strategy: str) -> dict[str, Any]:
    if rng.random() < (0.2 if strategy == "canary" else 0.9):
        return {}
    checks = [{"errors": rng.choice([{"most": 5}, {"more": 5}, {"most": 5, "more": 5}])}]
    if rng.random() < 0.3:
        checks.append({"probe": {"http": {"port": PORT}, "failed": 50}})
    return {"analysis": {"checks": checks, "samples": SAMPLES, "extend": rng.choice(["0s", "2s"])}}


def _care_for_data(rng: Random) -> dict[str, Any]:
    if rng.random() < 0.2:
        return {"snapshot": False}
    return {"rehearse": rng.random() < 0.2, "on_failure": rng.choice(["keep_data", "restore_snapshot"])}
