"""The log of a supervised program has a limit that nothing gets around."""

from __future__ import annotations

from pathlib import Path

from stoneware.host.supervisor import Log


def test_empty_lines_and_prefixes_count(tmp_path: Path) -> None:
    log = Log(str(tmp_path / "log"), "Step #0: ", 10_000)
    for _ in range(5_000):
        log.line(b"")
    said = (tmp_path / "log").read_text()
    assert len(said) < 10_200 and said.count("is not kept: it is too much") == 1
