"""What people read: tables as wide as they need to be, counts with the right word, a long sentence once."""

from __future__ import annotations

from typing import Any

import pytest

from stoneware.cli import output, watching
from stoneware.model.quantity import counted

LONG = "the vm did not come up: Kernel panic - not syncing: VFS: Unable to mount root fs"


def test_columns_without_names_have_no_line(capsys: pytest.CaptureFixture[str]) -> None:
    output.table(("", ""), [("image", "web/1"), ("state", "ACTIVE")])
    output.table(("name", ""), [("a", "b")])
    assert capsys.readouterr().out == "image  web/1\nstate  ACTIVE\nname\na     b\n"


def test_one_is_no_plural() -> None:
    assert [counted(number, "image") for number in (0, 1, 2)] == ["0 images", "1 image", "2 images"]


class Ended:
    """A client for an operation that is over."""

    def get(self, path: str, **_: Any) -> Any:
        if path.endswith("/journal"):
            states = enumerate(("TESTING", "DISCARDING"), 1)
            return [{"seq": number, "at": 2.0, "state": state, "text": LONG} for number, state in states]
        return {
            "state": "DISCARDING",
            "because": LONG,
            "result": "FAILED",
            "created_at": 0.0,
            "id": "bake-1",
            "code": "",
        }


def test_a_long_reason_is_told_once_in_the_story(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(watching.OperationFailed, match="Kernel panic"):
        watching.follow(Ended(), {"id": "bake-1"})  # type: ignore[arg-type]
    shown = capsys.readouterr().out
    assert shown.count(LONG) == 1
    assert "discarding     (as above)" in shown
