"""Commit statuses by a command: a program that the administrator names hears of each build's beginning and end.

It gets a JSON object on its standard input (the build as the API shows it). Nothing waits for it, and nothing depends on it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from stoneware.errors import StonewareError
from stoneware.host.run import spawn
from stoneware.model.build import BuildView


@dataclass(frozen=True)
class StatusHook:
    """`argv` are its words; none: there is no such program."""

    argv: tuple[str, ...]
    log: Path

    def tell(self, view: BuildView, say: Callable[[str], None]) -> None:
        """Starts it. What goes wrong is said and is all that happens."""
        if not self.argv:
            return
        try:
            spawn(self.argv, log=self.log, stdin=f"{view.model_dump_json()}\n".encode())
        except (StonewareError, OSError, ValueError) as broken:
            say(f"warning: the status hook can't be started: {broken}")
