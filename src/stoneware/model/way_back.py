"""The way back of a deployment: where a rollback would lead, and when that was last proven."""

from __future__ import annotations

from stoneware.model.noun import Noun


class WayBack(Noun):
    """`release` is where a rollback would lead; None: there is none. The other fields tell of the last rehearsal of just that way.

    `at` is when it ended (seconds since the epoch), None: never rehearsed. `took_s` is what it took until all machines were
    proven healthy. `why` says why it failed.
    """

    release: int | None = None
    operation: str = ""
    at: float | None = None
    ok: bool = False
    took_s: float | None = None
    why: str = ""
