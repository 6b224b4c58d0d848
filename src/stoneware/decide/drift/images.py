"""Images: their stored files against their digests, and whether they may run still."""

from __future__ import annotations

from collections.abc import Iterator

from stoneware.decide.drift.sight import ImageFacts, Sight
from stoneware.decide.lifecycle import standing
from stoneware.decide.past_images import edited
from stoneware.model.drift import Drift
from stoneware.model.image import Image, ImageState
from stoneware.model.machine import Power
from stoneware.model.quantity import format_moment, format_time
from stoneware.names import environment_deployment


def image_drifts(sight: Sight) -> Iterator[Drift]:
    """Every image that the current release pins, once: what is wrong with its files, and with its base. Of those that the way back
    needs, the files."""
    for name, damage in sight.spoiled.items():
        remedy = "bake the same commit once more, or import it: an image comes back whole"
        yield sight.differs("image.file", name, "whole, for the way back", damage, remedy=remedy)
    for digest in sorted({group.digest for group in sight.release.groups.values()}):
        facts = sight.images.get(digest)
        if facts and facts.damage:
            remedy = f"bake {facts.image.family} again, and deploy it"
            yield sight.differs("image.file", facts.image.name, digest, facts.damage, remedy=remedy)
        if facts and facts.newer_base:
            recipe = facts.manifest.recipe
            remedy = f"`stoneware bake {facts.image.family}` takes the newer base; then deploy"
            expected, found = f"{recipe.base} {facts.newer_base[:19]}", f"{recipe.base} {recipe.base_digest[:19]}"
            yield sight.differs("policy.base-outdated", facts.image.name, expected, found, remedy=remedy)
        if facts and facts.untested:
            expected, found = "the record that it was published with", "another one, or none"
            remedy = f"bake {facts.image.family} again, and deploy it"
            yield sight.differs("image.changed", facts.image.name, expected, found, where="boot-test", remedy=remedy)
        if facts and facts.row:
            yield from _decided(sight, facts.image, facts.row)


def _decided(sight: Sight, image: Image, row: Image) -> Iterator[Drift]:
    """What was decided about an image is on record, and its row can be edited."""
    name = image.name
    remedy = f"`stoneware ledger show --subject {name}` says what was decided: decide it again"
    for what, expected, found in edited(image, row):
        yield sight.differs("image.changed", name, expected, found, where=what, remedy=remedy)


def policy_drifts(sight: Sight) -> Iterator[Drift]:
    """What runs and shouldn't, or shouldn't for much longer."""
    for group, pinned in sight.release.groups.items():
        facts = sight.images.get(pinned.digest)
        if facts is not None:
            yield from _standing(sight, group, facts)
        if not sight.busy and pinned.spec.max_age is not None:
            yield from _too_old(sight, group, pinned.spec.max_age)
    yield from _unpromoted(sight)


def _standing(sight: Sight, group: str, facts: ImageFacts) -> Iterator[Drift]:
    image, found = facts.image, standing(facts.image, sight.now)
    remedy = f"deploy another image of {image.family}"
    told = f"{image.name} is {found.state}{': ' + found.reason if found.reason else ''}"
    if image.revoked_at is None and found.state is ImageState.DEPRECATED:
        yield sight.differs("policy.deprecated", group, f"{image.name} ACTIVE", told, where=image.name, remedy=remedy)
    kind = "policy.revoked" if image.revoked_at is not None else "policy.obsolete"
    if image.revoked_at is None and found.state not in (ImageState.OBSOLETE, ImageState.DELETED):
        return
    for name, wanted in sight.wanted.items():
        machine = sight.machines.get(name)
        runs = machine is not None and machine.power is Power.RUNNING and machine.digest == image.digest
        if runs and wanted.group == group and name not in sight.aside:
            yield sight.differs(kind, name, f"{image.name} ACTIVE", told, where=image.name, remedy=remedy)


def _unpromoted(sight: Sight) -> Iterator[Drift]:
    """What never ran in the environment that it should have come from, however it got here."""
    belongs = sight.release.environment
    if belongs is None or sight.came_through is None:
        return
    before = environment_deployment(belongs.deployment, belongs.after)
    for group, pinned in sight.release.groups.items():
        if pinned.digest not in sight.came_through:
            expected, found = f"an image that ran in {before}", f"{pinned.image} never did"
            remedy = f"`stoneware deploy {before}`, then `stoneware promote {belongs.after} {belongs.name}`"
            yield sight.differs("policy.unpromoted", group, expected, found, where=pinned.image, remedy=remedy)


def _too_old(sight: Sight, group: str, max_age_s: float) -> Iterator[Drift]:
    for name, wanted in sight.wanted.items():
        machine = sight.machines.get(name)
        if machine and wanted.group == group and sight.now - machine.created_at > max_age_s:
            expected = f"at most {format_time(max_age_s)} old"
            found = f"made at {format_moment(machine.created_at)}"
            yield sight.differs("policy.too-old", name, expected, found)
