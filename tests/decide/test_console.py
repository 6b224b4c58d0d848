"""The line that says why, wherever it stands."""

from __future__ import annotations

import pytest

from stoneware.decide.console import telling_line

PANIC = """\
[    1.20] VFS: Cannot open root device
[    1.21] Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)
[    1.22] CPU: 0 PID: 1 Comm: swapper/0 Not tainted 6.1.0-40-cloud-amd64
[    1.23] Kernel Offset: disabled
[    1.24] ---[ end Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0) ]---
[    1.25] Kernel Offset: disabled
"""


@pytest.mark.parametrize(
    ("console", "line"),
    [
        (PANIC, "Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)"),
        (
            "stoneware: FAILED: layer 0 is not what was sealed\n"
            "<0>[    0.9] Kernel panic - not syncing: Attempted to kill init! exitcode=0x0\n[  1.0] Kernel Offset: disabled",
            "stoneware: FAILED: layer 0 is not what was sealed",
        ),
        (
            "[ 9.1] Out of memory: Killed process 212 (java)\n"
            "[ 9.2] Kernel panic - not syncing: Attempted to kill init! exitcode=0x9",
            "Out of memory: Killed process 212 (java)",
        ),
        (
            "[ 2.0] Kernel panic - not syncing: Attempted to kill init!\nKernel Offset: disabled",
            "Kernel panic - not syncing: Attempted to kill init!",
        ),
        ("hello\nTraceback\nKeyError: 'PORT'\n\n", "KeyError: 'PORT'"),
        ("", ""),
    ],
)
def test_the_line_that_says_why(console: str, line: str) -> None:
    assert telling_line(console) == line
