"""The benchmarks that the product's numbers speak of are there, and what they print can be read by a program."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from bench.memory import Memory, memory_of
from bench.registry import ALL, Benchmark, Figure, line
from bench.suite import load_all
from bench.verdict import Change, Request, parse, stale
from bench.watched import covered_s

ROOT = Path(__file__).resolve().parent.parent.parent
LIMITS = {
    "vm.start_ratio": 1.3,
    "vm.cold_start_s": 6,
    "vm.plain_start_s": 2.5,
    "container.start_s": 0.6,
    "build.step_overhead_s": 0.3,
    "build.queued": None,
    "build.lost": 0,
    "build.trigger_s": 1,
    "bake.rebake_s": 5,
    "bake.one_file_s": 1.0,
    "bake.one_file_vs_packer": 0.1,
    "bake.bytes_ratio": 2,
    "bake.reproducible": None,
    "store.growth_ratio": 0.1,
    "image.verify_ratio": 2,
    "rollout.overhead_s": 1.0,
    "switch.failed": 0,
    "switch.stale": 0,
    "handover.failed": 0,
    "handover.vm_failed": 0,
    "handover.hold_s": 3.0,
    "rollback.warm_ms": 300,
    "chaos.rounds": None,
    "chaos.failed": 0,
    "chaos.lost_writes": 0,
    "chaos.orphans": 0,
    "cli.help_s": 0.25,
    "vm.overhead_mb": 80,
    "drift.machine_s": 0.1,
    "attest.slowdown": None,
    "daemon.rss_mb": 150,
    "scale.plan_s": 2,
    "scale.rss_mb": 300,
    "scale.growth": 13,
    "drift.thousand_s": 1.0,
    "drift.tamperings": None,
    "drift.missed": 0,
    "store.step_ms": None,
    "ledger.verify_per_s": None,
    "sim.scenarios": None,
    "sim.violations": 0,
    "sim.history_ms": None,
    "build.corpus": None,
    "build.corpus_failed": 0,
}
KEYS = {"name", "value", "unit", "peer", "limit", "ratio", "met", "runs", "min", "max", "detail"}
CHANGES = [Change(100, 110, "one"), Change(200, 210, "two")]


def test_every_promised_number_is_measured_against_its_limit() -> None:
    load_all()
    assert {name: one.limit for name, one in ALL.items()} == LIMITS
    assert {name: one.at_least for name, one in ALL.items() if one.at_least} == {
        "attest.slowdown": 0.97,
        "bake.reproducible": 1,
        "build.corpus": 60,
        "build.queued": 50,
        "chaos.rounds": 20,
        "drift.tamperings": 30,
        "ledger.verify_per_s": 100_000,
        "sim.scenarios": 20_000,
    }


@pytest.mark.parametrize(("value", "met"), [(1.0, True), (0.0, False)])
def test_what_must_be_reached_is_met_from_there_on(value: float, met: bool) -> None:
    least = Benchmark("x.same", "equal", None, lambda _: Figure([], ""), at_least=1)
    assert line(least, Figure([value], ""))["met"] is met


def test_a_benchmark_prints_one_line_that_a_program_can_read(tmp_path: Path) -> None:
    ended = run_bench(tmp_path, "cli", "--runs", "3")
    assert ended.returncode == 0, ended.stderr
    [text] = ended.stdout.splitlines()
    measured = json.loads(text)
    assert set(measured) == KEYS
    assert (measured["name"], measured["unit"], measured["limit"], measured["runs"]) == ("cli.help_s", "s", 0.25, 3)
    assert 0 < measured["min"] <= measured["value"] <= measured["max"]
    assert measured["ratio"] == pytest.approx(measured["value"] / 0.25, abs=0.001)


@pytest.mark.parametrize("module", ["many", "many_looks"])
def test_the_simulated_machines_are_as_rollouts_leave_them(module: str, tmp_path: Path) -> None:
    words = [sys.executable, "-m", f"bench.{module}", "20", "2", str(tmp_path)]
    ended = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout)


def test_a_prefix_that_means_nothing_is_bad_input(tmp_path: Path) -> None:
    ended = run_bench(tmp_path, "nothing")
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "vm.start_ratio" in ended.stderr


def test_failures_are_added_up_and_never_hidden_in_a_median() -> None:
    counted = Benchmark("x.failed", "requests", 0, lambda _: Figure([], ""))
    assert line(counted, Figure([0, 3, 0], "", counted=True))["value"] == 3
    assert line(counted, Figure([0, 3, 0], "", counted=True))["met"] is False
    timed = Benchmark("x.s", "s", 2, lambda _: Figure([], ""))
    assert line(timed, Figure([1, 3, 1], ""))["value"] == 1


@pytest.mark.parametrize(
    ("sent", "answered", "answer", "wrong"),
    [
        (50, 60, "two", False),  # before any switch nobody knows better
        (105, 120, "two", False),  # the switch was being made
        (120, 130, "one", False),
        (120, 130, "two", True),
        (190, 205, "two", False),  # on its way when the next switch began
        (190, 199, "two", True),
        (220, 230, "one", True),
        (220, 230, "!HTTP 503", False),  # failed, which is counted elsewhere
    ],
)
def test_who_is_answered_by_the_wrong_side_is_found(sent: int, answered: int, answer: str, wrong: bool) -> None:
    request = Request(sent, answered, answer)
    assert parse(f"{sent} {answered} {answer}") == request
    assert stale([request], CHANGES) == ([request] if wrong else [])


def test_time_that_two_machines_need_together_counts_once() -> None:
    assert covered_s([(0, 2), (1, 3), (10, 11)]) == 4
    assert covered_s([]) == 0


def test_the_guests_memory_is_the_one_mapping_that_does_not_count(tmp_path: Path) -> None:
    smaps = tmp_path / "smaps"
    smaps.write_text(
        "00400000-00500000 r-xp 00000000 fe:00 12 /usr/bin/qemu\nPss:  1000 kB\nPss_Dirty: 7 kB\n"
        "7f0000000000-7f0000080000 rw-p 00000000 00:00 0 \nPss:  900 kB\n"
        "7f1000000000-7f1000200000 rwxp 00000000 00:00 0 \nPss:  4 kB\n"
    )
    assert memory_of(smaps, 0x80000) == Memory(beyond_mb=1004 * 1024 / 1e6, translated_mb=4 * 1024 / 1e6)
    with pytest.raises(RuntimeError, match="0 mappings"):
        memory_of(smaps, 0x400000)


def run_bench(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "bench", *words, "--folder", str(folder / "bench")]
    return subprocess.run(argv, cwd=ROOT, check=False, capture_output=True, text=True, timeout=120)
