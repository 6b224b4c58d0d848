"""The gate before a plan: what can't be carried out is refused before anything begins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from stoneware.decide.capacity import lasting_bytes, why_too_large
from stoneware.decide.plan import dropped_disks, mixed_checks, resized_disks, taken_addresses, taken_names
from stoneware.engines.engine import Engine
from stoneware.errors import Refused
from stoneware.model.deployment import DELIVERED
from stoneware.model.image import Manifest
from stoneware.model.release import Release


def must_be_deployable(
    current: Release | None, release: Release, others: Sequence[Release], images: Mapping[str, Manifest], engine: Engine
) -> None:
    """Raises Refused for a release that can't follow `current` beside the `others`, with what is in the way and the next step.

    `images` are the manifests of what it pins, by name.
    """
    for name, manifest in images.items():
        _must_be_delivered(name, manifest, release.spec.engine)
    dropped = dropped_disks(current, release)
    if dropped:
        why = f"this would leave declared disks without a machine: {', '.join(dropped)}"
        raise Refused(why, "declare them still, or destroy the deployment and delete its disks by name")
    resized = resized_disks(release, engine.list_disks(release.deployment))
    if resized:
        raise Refused(
            f"a disk keeps its size: {'; '.join(resized)}",
            "declare the size it has, or a disk of another name",
            code="disk-size-fixed",
        )
    mixed = mixed_checks(current, release)
    if mixed:
        why = f"the health check of {', '.join(mixed)} changes, and a rolling update has both versions in one pool"
        raise Refused(why, "deploy it with strategy: blue_green this time, or change the check in a deploy of its own")
    named_alike = taken_names(release, others)
    if named_alike:
        raise Refused(
            f"names are taken: {'; '.join(named_alike)}",
            "give the deployment or the group another name",
            code="name-taken",
        )
    must_have_room(current, release, others, engine)


def must_have_room(
    current: Release | None,
    target: Release,
    others: Sequence[Release],
    engine: Engine,
    *,
    direct: bool = False,
    renewal: bool = False,
) -> None:
    """Nobody else has its addresses, and all that is declared on its engine has room beside the way to `target`; `direct`: a
    rollback; `renewal`: only its machines are made anew. Raises Refused."""
    taken = taken_addresses(target, current, others)
    if taken:
        hint = "give the service another address; an address moves to another service in two deploys"
        raise Refused(f"an address has one service: {'; '.join(taken)}", hint, code="address-taken")
    capacity = engine.capacity()
    if capacity.memory_bytes is None:
        return
    declared: dict[str, int] = {}
    for other in others:
        if other.spec.engine == target.spec.engine:
            known = declared.get(other.deployment, 0)
            declared[other.deployment] = max(known, lasting_bytes(other))
    problem = why_too_large(current, target, declared, capacity.memory_bytes, direct=direct, renewal=renewal)
    if problem:
        raise Refused(*problem, code="no-capacity")


def _must_be_delivered(name: str, manifest: Manifest, engine: str) -> None:
    form = DELIVERED.get(engine)
    if form is not None and form not in manifest.deliver:
        forms = ",".join((*manifest.deliver, form))
        raise Refused(
            f"{name} was not delivered as a {form}, which engine {engine} starts",
            f"declare `deliver: [{forms.replace(',', ', ')}]` and bake it again, or bake it with `--as {forms}`",
            code="image-form",
        )
