"""Some hundred histories, none of which violates an invariant; and the same seed is the same history everywhere."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import get_args

import pytest
from tests.simulation.generate import generate
from tests.simulation.play import play

from stoneware.model.operation import SignalKind
from stoneware.model.strategy import Strategy

ROOT = Path(__file__).resolve().parents[2]
SEEDS = range(300)
PART = 50
DIGEST = "import sys; from tests.simulation.test_histories import digest_of; print(digest_of(int(sys.argv[1])))"


@pytest.mark.parametrize("first", SEEDS[::PART])
def test_no_invariant_is_violated(first: int) -> None:
    broken = {}
    for seed in range(first, first + PART):
        history = play(seed)
        if history.violations:
            broken[seed] = history.violations[0]
    assert broken == {}, "`scripts/stoneware-sim --seed N --verbose` tells the story"


def test_histories_are_of_many_kinds() -> None:
    """A generator that only makes quiet histories proves nothing."""
    kinds = Counter(event.kind for seed in SEEDS for event in generate(seed).events)
    assert {
        "deploy",
        "rollback",
        "destroy",
        "signal",
        "kill",
        "stall",
        "lose",
        "fail",
        "proxy",
        "death",
        "sick",
    } <= set(kinds)
    assert {"unseen", "clock", "busy", "reconcile", "prune", "publish", "revoke", "deprecate", "keep"} <= set(kinds)
    signals = {event.facts[1] for seed in SEEDS for event in generate(seed).events if event.kind == "signal"}
    assert signals == set(SignalKind)
    specs = [spec for seed in SEEDS for spec in generate(seed).specs]
    strategies = {group["rollout"]["strategy"] for spec in specs for group in spec["groups"].values()}
    assert strategies == set(get_args(Strategy))
    ends = Counter(end for seed in range(PART) for end in play(seed).results)
    assert {"rollout SUCCEEDED", "rollout REVERTED", "teardown SUCCEEDED"} <= set(ends)


@pytest.mark.parametrize("seed", [7, 42])
def test_a_seed_is_one_history_whatever_hashes_say(seed: int) -> None:
    said = {
        subprocess.run(
            [sys.executable, "-c", DIGEST, str(seed)],
            cwd=ROOT,
            env={"PYTHONHASHSEED": hashes, "PYTHONPATH": f"{ROOT}:{ROOT / 'src'}"},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for hashes in ("0", "1", "2")
    }
    assert said == {f"{digest_of(seed)}\n"}


def digest_of(seed: int) -> str:
    """All that a history tells, in one word."""
    history = play(seed)
    return hashlib.sha256(repr((history.story, history.violations, history.results)).encode()).hexdigest()
