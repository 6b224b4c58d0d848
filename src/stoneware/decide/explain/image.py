"""An image on one screen: what it counts as and why, what comes, and who uses it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from stoneware.decide.explain.words import ago, drifted
from stoneware.decide.lifecycle import standing, time_of
from stoneware.model.drift import Drift
from stoneware.model.explanation import Explanation, Line
from stoneware.model.image import BootTestRecord, Image, ImageState
from stoneware.model.lifecycle import Timer


@dataclass(frozen=True)
class ImageFacts:
    """What is known of an image. `resolved` is what its family resolves to; `users` are machines and releases, by name;
    `drifts` what is known to differ of it, the worst first."""

    image: Image
    resolved: Image | None = None
    boot_test: BootTestRecord | None = None
    users: Sequence[str] = ()
    drifts: Sequence[Drift] = ()


def explain_image(known: ImageFacts, now: float) -> Explanation:
    """One image as it counts now."""
    image, counts = known.image, standing(known.image, now)
    revoked = image.revoked_at is not None
    used = ", ".join(known.users)
    found = [f"it is revoked ({image.revoked_reason}), and still used by {used}"] if revoked and known.users else []
    troubles = tuple(dict.fromkeys([*found, *drifted(known.drifts)]))  # several deployments may meet the same
    damaged = any(one.kind == "image.file" and one.counts for one in known.drifts)
    return Explanation(
        subject="image",
        name=image.name,
        at=now,
        headline=f"{image.name} is {counts.state} for {ago(now - counts.since)}"
        + (f": {counts.reason}" if counts.reason else ""),
        well=not troubles,
        facts=tuple(_facts(known, now)),
        troubles=troubles,
        code="image-revoked" if revoked else "image-damaged" if damaged else "",
        next_step=_next(known, counts.state),
    )


def _facts(known: ImageFacts, now: float) -> list[Line]:
    image, test = known.image, known.boot_test
    passed = f"passed in {test.seconds:.0f} s" if test and test.passed else "none that passed"
    family = f"{image.family} resolves to {known.resolved.name if known.resolved else 'nothing'}"
    lines = [("digest", image.digest), ("family", family), ("boot test", passed)]
    for timer in Timer:
        at = time_of(image, timer)
        if at is not None and at > now and image.state is not ImageState.DELETED:
            lines.append((timer.value, f"in {ago(at - now)}"))
    lines.append(("used by", ", ".join(known.users) or "nobody"))
    return [Line(what=what, text=text) for what, text in lines]


def _next(known: ImageFacts, state: ImageState) -> str:
    image = known.image
    if image.revoked_at is not None:
        if known.users:
            return f"`stoneware bake {image.family}` without what is wrong, then `stoneware deploy`"
        if not drifted(known.drifts):
            return "nothing to do: nobody uses it"
    if drifted(known.drifts):
        return next(one.remedy for one in known.drifts if one.counts)
    if state is ImageState.STAGED:
        return f"`stoneware bake {image.family}` tests and publishes it"
    if state is ImageState.DELETED:
        return f"`stoneware ledger show --subject {image.name}` says by whom and why"
    if state is ImageState.ACTIVE:
        return "nothing to do" if known.users else "`stoneware plan` says what a deploy would change"
    return f"`stoneware image restore {image.name}` makes it ACTIVE again, if that is what you want"
