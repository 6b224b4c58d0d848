"""Which releases may be forgotten, and which images deleted. What is in use, or leads back, never may."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from stoneware.decide.reach import Facts, why_kept
from stoneware.model.deployment import KeepSpec
from stoneware.model.image import Image, ImageState
from stoneware.model.lifecycle import Doomed, Kept, PrunePlan
from stoneware.model.quantity import format_moment, format_time
from stoneware.model.release import Release


def releases_to_forget(known: Sequence[Release], current: int, previous: int | None, keep: int) -> list[int]:
    """Numbers beyond the newest `keep`, oldest first."""
    newest_first = sorted((release.number for release in known), reverse=True)
    return sorted(number for number in newest_first[keep:] if number not in (current, previous))


@dataclass(frozen=True)
class Term:
    """Whether an image's time is over, and the sentence that says why or why not."""

    over: bool
    why: str


def term(image: Image, family: Sequence[Image], rule: KeepSpec | None, now: float) -> Term:
    """What timers and the family's rule say of an image; who reaches it is another question.

    `family` has all images of its family that aren't deleted.
    """
    if image.state is ImageState.STAGED:
        return Term(True, "staged, but never published")
    if image.delete_at is not None and image.delete_at <= now:
        return Term(True, f"its time to be deleted came at {format_moment(image.delete_at)}")
    if rule is None:
        return Term(False, "neither a timer nor a rule of its family says that it is over")
    newer = sum((one.number or 0) > (image.number or 0) for one in family if one.state is not ImageState.STAGED)
    if rule.newest is not None and newer < rule.newest:
        return Term(False, f"it is one of the newest {rule.newest} of its family")
    if rule.within is not None and now - image.created_at <= rule.within:
        return Term(False, f"it isn't older than {format_time(rule.within)}")
    beyond = [f"beyond the newest {rule.newest}"] if rule.newest is not None else []
    beyond += [f"older than {format_time(rule.within)}"] if rule.within is not None else []
    return Term(True, " and ".join(beyond))


def judge(image: Image, facts: Facts, rules: Mapping[str, KeepSpec]) -> Doomed | Kept:
    """An image goes when its time is over and nothing reaches it; else it stays. `rules` are by family."""
    said = term(image, facts.families.get(image.family, ()), rules.get(image.family), facts.now)
    reasons = why_kept(image, facts)
    if said.over and not reasons:
        return Doomed(image=image.name, digest=image.digest, size_bytes=image.size_bytes, why=said.why)
    return Kept(image=image.name, digest=image.digest, over=said.over, why=said.why, reasons=reasons)


def plan_prune(facts: Facts, rules: Mapping[str, KeepSpec]) -> PrunePlan:
    """What becomes of every image."""
    judged = [judge(image, facts, rules) for image in facts.images]
    return PrunePlan(
        deletes=tuple(one for one in judged if isinstance(one, Doomed)),
        keeps=tuple(one for one in judged if isinstance(one, Kept)),
    )
