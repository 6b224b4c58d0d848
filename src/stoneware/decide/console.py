"""Which line of a machine's console says why the machine has ended."""

from __future__ import annotations

import re

TELLING = (
    r"stoneware: FAILED: .*",
    r"Kernel panic - not syncing: (?!Attempted to kill init).*",
    r"(Out of memory: |Memory cgroup out of memory: ).*",
    r"device-mapper: verity: .*",
    r"(general protection fault|Oops: |BUG: ).*",
    r"Kernel panic - not syncing: .*",
    r"(systemd\[1\]: )?(Freezing execution|You are in (emergency|rescue) mode).*",
)
"""What kernel, initramfs and systemd say when they give up, the plainest first."""
STAMP = re.compile(r"^(<\d+>)?(\[ *\d+\.\d+\] ?)?")
"""The kernel's level and time before a line."""


def telling_line(console: str) -> str:
    """The last line of a console that says why a machine ended; the last line of all when none does; empty without any."""
    lines = [shown for line in console.splitlines() if (shown := STAMP.sub("", line.strip()).strip())]
    for pattern in TELLING:
        for line in reversed(lines):
            if re.match(pattern, line):
                return line
    return lines[-1] if lines else ""
