"""The tamperings that can be done to real containers, on one town: each is detected with its class."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.support.foundry import Foundry
from tests.tampering.benches import Benches, benches_on_towns
from tests.tampering.container import DEEDS, HEALED, IMPOSSIBLE, ContainerBench, kinds_of
from tests.tampering.rows import ROWS, Row


@pytest.fixture(scope="module")
def benches(foundry: Foundry, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Benches[ContainerBench]]:
    yield from benches_on_towns(foundry, tmp_path_factory, "container", ContainerBench)


@pytest.fixture
def bench(benches: Benches[ContainerBench]) -> Iterator[ContainerBench]:
    with benches.lent() as bench:
        yield bench


def test_every_row_is_done_or_said_to_be_impossible() -> None:
    assert {*IMPOSSIBLE, *HEALED} <= {row.deed for row in ROWS}
    assert [row.deed for row in DEEDS if not hasattr(ContainerBench, row.deed)] == []
    assert len(DEEDS) >= 30


@pytest.mark.host
@pytest.mark.parametrize("row", DEEDS, ids=str)
def test_it_is_detected_with_its_class(row: Row, bench: ContainerBench) -> None:
    kinds = kinds_of(row)
    assert bench.kinds_after(row.deed, kinds) == set(kinds)


@pytest.mark.host
@pytest.mark.parametrize("deed", HEALED)
def test_what_falls_sick_is_made_anew_and_the_record_says_why(deed: str, bench: ContainerBench) -> None:
    assert HEALED[deed] + bench.one in bench.repaired_after(deed)


@pytest.mark.host
def test_a_container_of_somebody_elses_stands_in_no_rollouts_way(benches: Benches[ContainerBench]) -> None:
    """Its machines are others afterwards, so nearly the last one of this town. What the release doesn't have is stopped."""
    bench = benches.bench()
    bench.start_an_extra_machine()
    try:
        stage = bench.stage
        declared = stage.repository / "stoneware.yaml"
        declared.write_text(declared.read_text().replace("Be kind to critters", "Be kinder"))
        stage.run("deploy", "--yes", echo=False)
        assert stage.json("history", "--limit", "1")[0]["result"] == "SUCCEEDED"
        powers = {one["name"]: one["power"] for one in stage.json("machine", "list")}
        assert powers["critter-junction-web-helper"] == "STOPPED"
    finally:
        bench.undo()


@pytest.mark.host
def test_a_ledger_that_was_cut_is_told(benches: Benches[ContainerBench]) -> None:
    """The last one of this town: nobody can put the end back."""
    found = benches.bench().kinds_after("cut_the_ledger", ("ledger.broken",))
    # which release is current may have been the last thing that it said
    assert found - {"release.changed"} == {"ledger.broken"}
