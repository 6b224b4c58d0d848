"""Watching the ledger: drift believes its entries, so whether they hold is asked again and again, and before its end is signed."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

from stoneware.errors import Conflict
from stoneware.model.checkpoint import Checkpoint
from stoneware.model.ledger import GENESIS
from stoneware.operations.checkpoints import Checkpoints
from stoneware.operations.ledger_proof import prove_store

REST = 100
"""How many times longer than a proof takes the next one waits: a ledger of years costs one per cent of a core, no more."""


@dataclass
class LedgerWatch:
    """`problem` is what is wrong, as of the last proof; `vouch` proves it now, and signs its end.

    A proof may be long ago, and no checkpoint speaks of what was written since the last one. So each time the end is noted that was
    seen, which has to be there the next time: what was cut off meanwhile is found at the next look. So are checkpoints.
    """

    checkpoints: Checkpoints
    _problem: str = ""
    _end: tuple[int, str] = (0, GENESIS)
    _signed_bytes: int = 0
    _next: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def problem(self) -> str:
        """What is wrong with the ledger; empty for nothing. Once something is, it is proven each time, until it is mended."""
        with self._lock:
            if self._problem or time.monotonic() >= self._next:
                began = time.monotonic()
                self._problem = prove_store(self.checkpoints).problem or ""
                self._next = time.monotonic() + REST * (time.monotonic() - began)
            return self._problem or self._cut_off()

    def _cut_off(self) -> str:
        ledger, (seq, head) = self.checkpoints.store.ledger, self._end
        end, there = ledger.end(), ledger.hash_of(seq)
        if there != head:
            what = "was written anew" if there else "is missing"
            return f"entry {seq} {what}: it was seen here, and the ledger ends with entry {end[0]}"
        signed = self.checkpoints.size_bytes()
        if signed < self._signed_bytes:
            return f"checkpoints were taken away: {self._signed_bytes - signed} bytes of {self.checkpoints.home.checkpoints}"
        self._end, self._signed_bytes = end, signed
        return ""

    def vouch(self) -> tuple[Checkpoint, str]:
        """A checkpoint of now, and its line. Raises Conflict where the ledger doesn't hold: nothing is signed over that."""
        problem = prove_store(self.checkpoints).problem or self._cut_off()
        if problem:
            raise Conflict(problem, "`stoneware ledger verify` says the same; nothing is signed over it")
        return self.checkpoints.make()
