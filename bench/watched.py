"""An engine that is the product's, and besides notes when each machine's boot began and when it served, for the bench to see.

The moment of SERVING is the engine's own word, asked for in short intervals by a thread that is nobody else's: what the
control plane needs longer to notice it, is the control plane's time.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from stoneware.engines.qemu import QemuEngine
from stoneware.engines.qemu.folder import Folder
from stoneware.model.machine import Phase, Power, WantedMachine

LOOK_EVERY_S = 0.02
LIMIT_S = 120.0

Span = tuple[float, float]
"""Seconds since the epoch, from and to."""


class WatchedEngine:
    """`boots` are spans from the call of create to SERVING, `halts` from the call of stop to the end of its process."""

    def __init__(self, engine: QemuEngine) -> None:
        self._engine = engine
        self.boots: dict[str, Span] = {}
        self.halts: dict[str, Span] = {}
        self._halting: set[str] = set()
        self._watching: list[threading.Thread] = []
        self._closed = threading.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)

    def create_machine(self, wanted: WantedMachine) -> None:
        began = time.time()
        self._engine.create_machine(wanted)
        self._watch(self.boots, wanted.name, began, lambda: self._serves(wanted.owner, wanted.name))

    def stop_machine(self, name: str) -> None:
        began, folder = time.time(), Folder(self._engine.home.machines / name)
        self._engine.stop_machine(name)
        if name not in self._halting:  # a machine that is stopping is asked again
            self._halting.add(name)
            self._watch(self.halts, name, began, lambda: folder.process() is None)

    def forget(self) -> None:
        """Begins a new account."""
        self.boots.clear()
        self.halts.clear()

    def settle(self) -> None:
        """Waits until all that was begun has been seen to its end."""
        for thread in self._watching:
            thread.join(LIMIT_S)

    def close(self) -> None:
        """Looks no more."""
        self._closed.set()
        self.settle()

    def _watch(self, spans: dict[str, Span], name: str, began: float, over: Callable[[], bool]) -> None:
        def look() -> None:
            while time.time() < began + LIMIT_S and not self._closed.wait(LOOK_EVERY_S):
                if over():
                    spans[name] = (began, time.time())
                    return

        thread = threading.Thread(target=look, daemon=True)
        thread.start()
        self._watching.append(thread)

    def _serves(self, owner: str, name: str) -> bool:
        there = {machine.name: machine for machine in self._engine.list_machines(owner)}
        return name in there and there[name].power is Power.RUNNING and there[name].phase is Phase.SERVING


def covered_s(spans: list[Span]) -> float:
    """The seconds in which at least one of these spans was going on."""
    total, reached = 0.0, float("-inf")
    for begin, end in sorted(spans):
        total += max(0.0, end - max(begin, reached))
        reached = max(reached, end)
    return total
