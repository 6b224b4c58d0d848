"""How long builds are kept: records in the store for ever, logs and artifacts of the newest ended ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from stoneware.host.home import Home
from stoneware.host.removing import remove_tree
from stoneware.store.store import Store

KEPT = 100
"""So many ended builds keep their logs and artifacts."""


@dataclass(frozen=True)
class BuildPrune:
    """`forget` takes away what only builds had use for that aren't kept any more: each time, for it may have failed before."""

    store: Store
    home: Home
    kept: int = KEPT
    forget: Callable[[], None] = lambda: None

    def run(self) -> list[str]:
        """Removes folders and logs of builds that ended before the newest ones. Returns their ids."""
        folders = {path.name for path in self.home.builds.glob("build-*") if path.is_dir()}
        logs = {path.stem for path in self.home.logs.glob("build-*.log")}
        stored = sorted((name for name in folders | logs if _number(name)), key=_number)
        going = {one.id for one in self.store.operations.line("build")}
        ended = [name for name in stored if name not in going]
        gone = ended[: max(0, len(ended) - self.kept)]
        for name in gone:
            remove_tree(self.home.builds / name)
            (self.home.logs / f"{name}.log").unlink(missing_ok=True)
        self.forget()
        return gone


def _number(name: str) -> int:
    tail = name.removeprefix("build-")
    return int(tail) if tail.isdigit() else 0
