"""Until when a difference is ignored."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from stoneware.model.drift_spec import IgnoreSpec


def ignore(until: object) -> IgnoreSpec:
    return IgnoreSpec.model_validate({"kind": "inside.port", "reason": "known", "until": until})


@pytest.mark.parametrize(
    ("given", "written"),
    [
        ("2027-01-31", "2027-01-31T23:59:59Z"),
        ("2027-01-31T12:00:00Z", "2027-01-31T12:00:00Z"),
        ("2027-01-31T12:00:00+02:00", "2027-01-31T10:00:00Z"),
        ("9998-12-31", "9998-12-31T23:59:59Z"),
    ],
)
def test_it_is_read_and_written(given: str, written: str) -> None:
    assert ignore(given).model_dump()["until"] == written
    assert ignore(written) == ignore(given)


@pytest.mark.parametrize(
    "given", ["0001-01-01", "1999-12-31", "9999-12-31", "10000-01-01", "0000-01-01", "soon", 7, None]
)
def test_what_nobody_can_write_back_is_refused(given: object) -> None:
    with pytest.raises(ValidationError, match=r"too far away|not a time"):
        ignore(given)
