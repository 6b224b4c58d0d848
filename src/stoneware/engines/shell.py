"""Break-glass on an engine: a way into a running machine, opened from its host.

Nothing in a machine waits for anybody: what runs a shell in it comes with the way, and ends with it.
"""

from __future__ import annotations

from typing import Protocol

from stoneware.model.shell import Window


class Way(Protocol):
    """An open way into a machine. One thread may read while another writes; both end when it is closed."""

    def read(self, timeout_s: float) -> bytes | None:
        """What the machine printed: some bytes; None when there was nothing within the time; empty at the end."""

    def write(self, data: bytes) -> None:
        """Types something. Nothing happens at the end of the way."""

    def resize(self, window: Window) -> None:
        """Tells the shell how large its terminal is."""

    def close(self) -> None:
        """Ends the shell and what it started. Closed already: success."""


class Shell(Protocol):
    """Ways into running machines, one at a time each."""

    def open_shell(self, name: str, window: Window) -> Way:
        """Opens a way, with a shell at its other end. Refused when the machine has none, or somebody is in; Unreachable when it
        doesn't answer. Lasts as long as the machine takes to start a shell."""

    def close_shell(self, name: str) -> None:
        """Closes the way into a machine, whoever opened it, and ends what runs there. No way, or no machine: success."""
