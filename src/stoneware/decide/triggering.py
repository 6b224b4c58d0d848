"""Which changes of a repository a trigger builds. Facts in, decision out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from stoneware.decide.globs import matches_glob
from stoneware.model.build import BuildStatus
from stoneware.model.trigger import ACTOR, Change, TriggerSpec

COUNTED = ("refs/heads/", "refs/tags/")


def changes(seen: Mapping[str, str], now: Mapping[str, str]) -> list[Change]:
    """What moved among branches and tags, by name. A ref that is gone is no change that could be built."""
    return [
        Change(ref=ref, old=seen.get(ref, ""), new=commit)
        for ref, commit in sorted(now.items())
        if ref.startswith(COUNTED) and seen.get(ref) != commit
    ]


def wants_files(spec: TriggerSpec) -> bool:
    """Whether the paths of a change matter."""
    return bool(spec.include or spec.ignore)


def named(spec: TriggerSpec, change: Change) -> bool:
    """Whether the trigger is about this ref. With neither `branch` nor `tag` it is about every branch."""
    if change.tag:
        return spec.tag is not None and re.search(spec.tag, change.tag) is not None
    if spec.branch is not None:
        return re.search(spec.branch, change.branch) is not None
    return spec.tag is None


def touched(spec: TriggerSpec, files: Iterable[str] | None) -> bool:
    """Whether one of the changed paths counts. When nobody can say which changed, all might have; a push that changes no file at
    all counts like one of which nobody knows."""
    known = tuple(files or ())
    if not known:
        return True
    counted = [path for path in known if not any(matches_glob(pattern, path) for pattern in spec.ignore)]
    return any(not spec.include or any(matches_glob(pattern, path) for pattern in spec.include) for path in counted)


def overtaken(status: BuildStatus, cancelled_by: Sequence[str]) -> bool:
    """Whether a build was given up for a newer commit, or is about to be: its commit is to be built anew when it is pushed again.

    `cancelled_by` are those who wished its end. Nobody did, and it is CANCELLED: a newer one was before it in the queue.
    """
    over = status is BuildStatus.CANCELLED or (not status.ended and bool(cancelled_by))
    return over and all(actor.startswith(ACTOR) for actor in cancelled_by)


def pause_s(every_s: float, failures: int, longest_s: float = 900.0) -> float:
    """How long until a repository is asked again that did not answer so often in a row."""
    return every_s if not failures else min(max(every_s, longest_s), every_s * 2.0 ** min(failures, 10))
