"""Whatever somebody does behind our back shows up as drift of the right class, and nothing else does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.tampering.fake import FakeBench
from tests.tampering.rows import ROWS, Row


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[FakeBench]:
    bench = FakeBench(tmp_path)
    yield bench
    bench.close()


def test_there_are_enough_of_them() -> None:
    assert len({row.deed for row in ROWS}) == len(ROWS) >= 30


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_it_is_detected_with_its_class(row: Row, bench: FakeBench) -> None:
    assert bench.guard.found() == []
    getattr(bench, row.deed)()
    report = bench.guard.check()
    assert {one.kind for one in report.drifts} == set(row.kinds), [
        (one.kind, one.subject, one.where, one.expected, one.found) for one in report.drifts
    ]
    for one in report.drifts:
        assert one.expected != one.found
        assert one.remedy
        assert one.since <= bench.world.clock.now()


def test_a_death_that_a_single_look_has_seen_is_on_record_though_it_is_mended_at_once(bench: FakeBench) -> None:
    release = bench.world.store.releases.current("town")
    assert release is not None
    bench.kill_it()
    assert bench.guard.drift.look(release).drifts == ()
    bench.guard.drift.died(release, ["town-web-r1-0"], "it is made anew")
    assert [one.kind for one in bench.world.store.drifts.of("town")] == ["machine.missing"]
