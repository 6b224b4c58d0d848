"""Which releases may be forgotten. The current one and the one that a rollback leads to never may."""

from __future__ import annotations

from collections.abc import Sequence

from stoneware.model.release import Release


def releases_to_forget(known: Sequence[Release], current: int, previous: int | None, keep: int) -> list[int]:
    """Numbers beyond the newest `keep`, oldest first."""
    newest_first = sorted((release.number for release in known), reverse=True)
    return sorted(number for number in newest_first[keep:] if number not in (current, previous))
