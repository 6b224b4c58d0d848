"""How long the logs of operations are kept, as the records stay for ever: the newest, as far as they have room. Those of builds go
with their builds (`build_prune`)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from stoneware.host.home import Home
from stoneware.store.store import Store

KEPT = 1000
KEPT_BYTES = 4 * 2**30
_NAME = re.compile(r"(?!build-)[a-z]+-[0-9]+")


@dataclass(frozen=True)
class LogPrune:
    """`kept` logs stay, and no more of them than have room in `kept_bytes`; one that is still written to always does."""

    store: Store
    home: Home
    kept: int = KEPT
    kept_bytes: int = KEPT_BYTES

    def run(self) -> list[str]:
        """Removes the logs that nothing is written to any more, the oldest first. Returns their operations' ids."""
        logs = [path for path in self.home.logs.glob("*.log") if _NAME.fullmatch(path.stem)]
        seen = sorted(((path.stat(), path) for path in logs), key=lambda one: one[0].st_mtime, reverse=True)
        going = {one.id for one in self.store.operations.under_way().values()}
        gone, size = list[str](), 0
        for number, (about, path) in enumerate(seen):
            size += about.st_size
            if (number >= self.kept or size > self.kept_bytes) and path.stem not in going:
                path.unlink(missing_ok=True)
                gone.append(path.stem)
        return gone
