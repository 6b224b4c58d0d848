"""The tamperings that can be done to real virtual machines, on one town: each is detected with its class, or proven impossible."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.support.foundry import Foundry
from tests.tampering.benches import Benches, benches_on_towns
from tests.tampering.hole import dig
from tests.tampering.machine import DEEDS, HEALED, IMPOSSIBLE, PROOFS, MachineBench, kinds_of
from tests.tampering.rows import ROWS, Row

SHOWN = """
flip_a_byte_under_a_running_machine replace_an_open_file_of_the_image open_a_port start_a_unit silence_it
flip_a_byte_of_its_kernel plug_a_device_into_it set_the_clock_back
""".split()
"""What every run of the tests sees to; thorough ones see to all, and so does `python -m bench drift`."""


@pytest.fixture(scope="module")
def benches(foundry: Foundry, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Benches[MachineBench]]:
    yield from benches_on_towns(foundry, tmp_path_factory, "qemu", MachineBench, lambda town: dig(town.repository))


@pytest.fixture
def bench(benches: Benches[MachineBench]) -> Iterator[MachineBench]:
    with benches.lent() as bench:
        yield bench


def test_every_row_is_done_or_said_to_be_impossible() -> None:
    assert {*IMPOSSIBLE} <= {row.deed for row in ROWS}
    assert [row.deed for row in DEEDS if not hasattr(MachineBench, row.deed)] == []
    assert len(DEEDS) >= 30
    assert {*SHOWN} <= {row.deed for row in DEEDS}


@pytest.mark.vm
@pytest.mark.parametrize("proof", PROOFS)
def test_it_can_not_be_done(proof: str, bench: MachineBench) -> None:
    getattr(bench, proof)()
    assert bench.look() == []


@pytest.mark.vm
@pytest.mark.parametrize(
    "row",
    [pytest.param(row, marks=[] if row.deed in SHOWN else [pytest.mark.thorough], id=str(row)) for row in DEEDS],
)
def test_it_is_detected_with_its_class(row: Row, bench: MachineBench) -> None:
    kinds = kinds_of(row)
    assert bench.kinds_after(row.deed, kinds) == set(kinds)


@pytest.mark.vm
@pytest.mark.thorough
@pytest.mark.parametrize("deed", HEALED)
def test_what_falls_sick_is_made_anew_and_the_record_says_why(deed: str, bench: MachineBench) -> None:
    assert HEALED[deed] + bench.one in bench.repaired_after(deed)


@pytest.mark.vm
@pytest.mark.thorough
def test_a_ledger_that_was_cut_is_told(benches: Benches[MachineBench]) -> None:
    """The last one of this town: nobody can put the end back."""
    found = benches.bench().kinds_after("cut_the_ledger", ("ledger.broken",))
    # which release is current may have been the last thing that it said
    assert found - {"release.changed"} == {"ledger.broken"}
