"""Containers in our store that no machine's record speaks of: somebody used podman behind our back.

The store belongs to one home, so whatever else is in it is nobody's, with our labels or without.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from datetime import datetime

from stoneware.engines.container.podman import Container, Podman
from stoneware.errors import Unreachable
from stoneware.model.machine import Machine, Power

NOBODY = "nobody"
"""The owner of a container that names none."""
_TOO_FINE = re.compile(r"(\.[0-9]{6})[0-9]+")


def names_in_store(podman: Podman) -> set[str]:
    """Names of all containers, from the store's own list: podman itself isn't asked, which would take its time at every look.
    Raises Unreachable when that list can't be read."""
    return _names(podman, "containers")


def image_names(podman: Podman) -> set[str]:
    """Names of all images, in the same way."""
    return _names(podman, "images")


def _names(podman: Podman, kind: str) -> set[str]:
    try:
        listed = json.loads((podman.folder / "store" / f"overlay-{kind}" / f"{kind}.json").read_bytes())
        return {name for one in listed for name in one.get("names") or [one["id"]]}
    except FileNotFoundError:
        return set()
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as unclear:
        raise Unreachable(f"podman's list of {kind} can't be read: {unclear}") from unclear


def strays(podman: Podman, names: Collection[str], owner: str | None) -> list[Machine]:
    """Containers that are nobody's as machines: of one owner or of all."""
    found = [_machine(one) for one in podman.containers(sorted(names)).values()]
    return [machine for machine in found if owner in (None, machine.owner)]


def _machine(container: Container) -> Machine:
    said = {key.removeprefix("org.stoneware."): value for key, value in container.labels.items()}
    return Machine(
        name=container.name,
        owner=said.get("owner", NOBODY),
        group=said.get("group", ""),
        fleet=_number(said.get("fleet", "")),
        index=_number(said.get("index", "")),
        digest=f"sha256:{container.image}",
        power=Power.RUNNING if container.running else Power.STOPPED,
        detail="a container that was made without Stoneware",
        created_at=_moment(container.created_at),
    )


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() else 0


def _moment(text: str) -> float:
    """Seconds since the epoch of podman's time, which has nine digits behind the point; 0 for what is none."""
    try:
        return datetime.fromisoformat(_TOO_FINE.sub(r"\1", text)).timestamp()
    except ValueError:
        return 0.0
