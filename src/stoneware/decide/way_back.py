"""What is known of a deployment's way back: from the rehearsals that were held, and from what became of its releases."""

from __future__ import annotations

from collections.abc import Iterable

from stoneware.model.operation import OperationRecord, Result
from stoneware.model.release import Release, ReleaseState
from stoneware.model.way_back import WayBack

NO_VERDICT = frozenset({"aborted", "interrupted"})
"""A rehearsal that ended for one of these codes says nothing of the way back."""


def way_back(release: int | None, current: int | None, rehearsals: Iterable[OperationRecord]) -> WayBack:
    """The last verdict on the way from release `current` back to `release`. `rehearsals` are those that ended, newest first."""
    for record in rehearsals if release is not None else ():
        ways = (record.frame.get("release"), record.frame.get("current"))
        if ways == (release, current) and record.code not in NO_VERDICT:
            ok = record.result is Result.SUCCEEDED
            return WayBack(
                release=release,
                operation=record.id,
                at=record.ended_at,
                ok=ok,
                took_s=record.frame.get("took_s"),
                why="" if ok else record.because,
            )
    return WayBack(release=release)


def doubts(target: Release) -> tuple[str, ...]:
    """What is to be said before somebody goes back to a release that they named: only a good one has served and was kept."""
    known = {
        ReleaseState.NEW: "no rollout to it has ended yet",
        ReleaseState.BAD: "a rollout to it failed, or it was gone back from",
    }
    return (f"release {target.number} is {target.state}: {known[target.state]}",) if target.state in known else ()


def words(known: WayBack, ago: str) -> str:
    """`release 3, rehearsed 2 h ago, 14 s`. `ago` is how long ago it was."""
    if known.release is None:
        return "none: there is no earlier good release"
    if known.at is None:
        return f"release {known.release}, never rehearsed"
    if not known.ok:
        return f"release {known.release}, rehearsal failed {ago} ago: {known.why}"
    return f"release {known.release}, rehearsed {ago} ago, {known.took_s or 0.0:.0f} s"
