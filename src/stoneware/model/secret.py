"""Secrets: what is said of them. Their values stand in no noun, so nothing that prints one can show them."""

from __future__ import annotations

from stoneware.model.noun import Noun
from stoneware.names import secret_version

LARGEST_BYTES = 64 * 1024
"""Enough for keys and certificates. What is larger is data, and belongs on a disk."""


class Secret(Noun):
    """One version of a secret: who set it, and when (seconds since the epoch)."""

    name: str
    version: int
    created_at: float
    actor: str

    @property
    def reference(self) -> str:
        """How releases and machines call it: `db-password/3`."""
        return secret_version(self.name, self.version)
