"""What others wrote as JSON is read, or is one kind of error, however deep it goes."""

from __future__ import annotations

import pytest

from stoneware.outside import parsed

DEEP = 100_000


def test_what_is_json_is_read() -> None:
    assert parsed('{"a": [1]}') == parsed(b'{"a": [1]}') == {"a": [1]}


@pytest.mark.parametrize("text", ["", "what?", b"\xff", "[" * DEEP, '{"a":' * DEEP])
def test_what_is_none_is_a_value_error(text: str | bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        parsed(text)
