"""Which application can live with which data."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stoneware.decide.schema import after_writing, may_use, newest_readable
from stoneware.model.image import StateSchema
from stoneware.model.snapshot import Snapshot

FIRST, SECOND = StateSchema(reads=(1,), writes=1), StateSchema(reads=(1, 2), writes=2)
numbers = st.integers(1, 5)
says = st.none() | st.builds(
    lambda reads, writes: StateSchema(reads=(*reads, writes), writes=writes), st.lists(numbers, max_size=3), numbers
)


@pytest.mark.parametrize(
    ("data", "image", "good"),
    [(None, FIRST, True), (2, None, True), (1, FIRST, True), (2, FIRST, False), (1, SECOND, True), (2, SECOND, True)],
)
def test_who_may_use_what(data: int | None, image: StateSchema | None, good: bool) -> None:
    why = may_use(data, image)
    assert (why is None) is good
    assert why is None or "schema 2" in why


@given(data=st.none() | numbers, image=says)
def test_data_never_becomes_older_by_being_written(data: int | None, image: StateSchema | None) -> None:
    after = after_writing(data, image)
    assert data is None or (after is not None and after >= data)
    assert image is None or (after is not None and after >= image.writes)


def snapshot(name: str, at: float, schema: int | None, disk: str = "d") -> Snapshot:
    words = {"name": name, "disk": disk, "owner": "town", "size_bytes": 1, "stored_bytes": 1, "digest": "x"}
    return Snapshot.model_validate({**words, "created_at": at, "data_schema": schema})


def test_the_newest_that_can_be_read_is_named() -> None:
    every = [snapshot("a", 1, 1), snapshot("b", 2, 1), snapshot("c", 3, 2), snapshot("e", 4, None)]
    every.append(snapshot("f", 5, 1, disk="other"))
    found = newest_readable(every, "d", FIRST)
    assert found is not None and found.name == "b"
    newest = newest_readable(every, "d", SECOND)
    assert newest is not None and newest.name == "c"
    assert newest_readable(every, "d", StateSchema(reads=(7,), writes=7)) is None
