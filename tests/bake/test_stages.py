"""What a Containerfile is made from, however it is written."""

from __future__ import annotations

import pytest

from stoneware.bake.stages import Stages, stages_of


@pytest.mark.parametrize(
    ("text", "sources", "base"),
    [
        ('FROM debian\nRUN sqlite3 x "SELECT name \\\n  FROM users;"\n', ["debian"], "debian"),
        ("FROM debian\nRUN <<EOF\nFROM users\nEOF\n", ["debian"], "debian"),
        ("FROM \\\n  web/1\n", ["web/1"], "web/1"),
        ("FROM --platform=linux/amd64 web/1 AS run\n", ["web/1"], "web/1"),
        ("ARG BASE=web/1\nFROM $BASE\n", ["web/1"], "web/1"),
        ("FROM ${BASE:-web/1}\n", ["web/1"], "web/1"),
        ("ARG V=2\nFROM web/${V:+1}\n", ["web/1"], "web/1"),
        ('ARG A=web B="1"\nFROM $A/${B}\n', ["web/1"], "web/1"),
        ("ARG A=web\nARG B=$A/1\nFROM $B\n", ["web/1"], "web/1"),
        ("FROM $UNKNOWN\n", ["$UNKNOWN"], "$UNKNOWN"),
        ("FROM web/1 AS tools\nFROM debian\nCOPY --from=tools /a /a\n", ["web/1", "debian"], "debian"),
        ("FROM web/1 AS Tools\nFROM debian\nCOPY --from=TOOLS /a /a\n", ["web/1", "debian"], "debian"),
        ("FROM web/1\nFROM debian\nCOPY --from=0 /a /a\n", ["web/1", "debian"], "debian"),
        ("FROM debian\nCOPY --chown=1 --from=web/1 /a /a\n", ["debian", "web/1"], "debian"),
        ("FROM debian\nRUN --mount=type=bind,from=web/1,target=/w cp /w/a /a\n", ["debian", "web/1"], "debian"),
        ("FROM a AS one\nFROM b AS two\nFROM one\nCOPY --from=two / /\n", ["a", "b"], "a"),
        ("FROM scratch\nCOPY --from=web/1 / /\n", ["web/1"], "scratch"),
        ("COPY a b\n", [], "scratch"),
    ],
)
def test_what_it_takes_something_from(text: str, sources: list[str], base: str) -> None:
    assert stages_of(text) == Stages(tuple(sources), base)
