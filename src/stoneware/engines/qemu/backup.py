"""A backup by QEMU of a disk that its machine is working on, from beginning to end.

Its names follow from the disk's. What an earlier attempt left behind, because we died in the middle of it, is ended first: QEMU
would go on writing to a file that nobody waits for.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qemu.qmp import QMPClient

from stoneware.engines.qemu.monitor import Monitor
from stoneware.errors import Refused
from stoneware.host.copying import Progress

POLL_S = 0.1
TIDY_LIMIT_S = 60.0
OVER = ("concluded", "null")


@dataclass(frozen=True)
class Backup:
    """`folder` is the machine's, `node` the disk as its QEMU calls it."""

    folder: Path
    node: str

    @property
    def copy_node(self) -> str:
        """The copy as QEMU calls it; the job has the same name."""
        return f"copy-{self.node}"

    def run(self, target: Path, size_bytes: int, progress: Progress) -> None:
        """Makes `target` anew. Raises Unreachable when QEMU ends meanwhile, Refused with its words when it can't go on.

        Whatever `progress` raises ends the backup.
        """
        monitor = Monitor(self.folder)
        monitor.converse(self._tidy, TIDY_LIMIT_S)
        target.unlink(missing_ok=True)
        target.touch(mode=0o600)
        with target.open("r+b") as out:
            out.truncate(size_bytes)
        try:
            monitor.converse(lambda client: self._begin(client, target))
            failed = self._watch(monitor, progress)
        finally:
            monitor.converse(self._tidy, TIDY_LIMIT_S)
        if failed:
            raise Refused(f"QEMU couldn't copy the disk: {failed}", "free some space, and try again")

    async def _begin(self, client: QMPClient, target: Path) -> None:
        # what the source has as zeros becomes a hole in the copy, too
        node: dict[str, object] = {"driver": "raw", "node-name": self.copy_node, "discard": "unmap"}
        node |= {"detect-zeroes": "unmap", "file": {"driver": "file", "filename": str(target), "aio": "threads"}}
        await client.execute("blockdev-add", node)
        job: dict[str, object] = {"job-id": self.copy_node, "device": self.node, "target": self.copy_node}
        await client.execute("blockdev-backup", {**job, "sync": "full", "auto-dismiss": False})

    def _watch(self, monitor: Monitor, progress: Progress) -> str:
        """Waits for the end. Returns why it failed; empty when it didn't."""
        while True:
            job = monitor.converse(self._job)
            if job is None:
                return "it ended without a word"
            if job["status"] in OVER:
                return str(job.get("error", ""))
            progress(int(job["current-progress"]), int(job["total-progress"]))
            time.sleep(POLL_S)

    async def _tidy(self, client: QMPClient) -> None:
        """Ends the job, and lets go of the copy's file: QEMU must not end with it open."""
        cancelled = False
        while (job := await self._job(client)) is not None:
            if job["status"] in OVER:
                await client.execute("job-dismiss", {"id": self.copy_node})
            elif not cancelled:
                await client.execute("job-cancel", {"id": self.copy_node})
                cancelled = True
            else:
                await asyncio.sleep(POLL_S)
        nodes: Any = await client.execute("query-named-block-nodes", {"flat": True})
        if self.copy_node in [node["node-name"] for node in nodes]:
            await client.execute("blockdev-del", {"node-name": self.copy_node})

    async def _job(self, client: QMPClient) -> dict[str, Any] | None:
        jobs: Any = await client.execute("query-jobs")
        return next((job for job in jobs if job["id"] == self.copy_node), None)
