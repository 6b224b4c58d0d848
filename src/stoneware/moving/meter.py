"""How far a long copy is: said at every tenth, and the place where it can be cut short."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from stoneware.errors import Refused


@dataclass
class Meter:
    """Counts bytes towards `total_bytes`. `say` gets a line at every tenth."""

    total_bytes: int
    say: Callable[[str], None]
    cancelled: threading.Event
    done_bytes: int = 0

    def add(self, count: int) -> None:
        """So many bytes more. Raises Refused when someone cancelled."""
        if self.cancelled.is_set():
            raise Refused("cut short", "start it again", code="interrupted")
        before, self.done_bytes = self._tenths(), self.done_bytes + count
        if self._tenths() > before:
            mib = 2**20
            self.say(f"{self._tenths() * 10} %: {self.done_bytes // mib} of {self.total_bytes // mib} MiB")

    def _tenths(self) -> int:
        return 10 * self.done_bytes // self.total_bytes if self.total_bytes else 0
