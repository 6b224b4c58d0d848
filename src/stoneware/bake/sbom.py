"""The bill of materials of an image: a CycloneDX 1.5 document (ECMA-424) in JSON.

Equal trees give equal bytes: the serial number is made from the tree's digest, the time is the image's own, and nothing names
the version of the program that wrote it.
"""

from __future__ import annotations

import json
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from stoneware.model.component import BootComponent, Component, Inventory

MEDIA_TYPE = "application/vnd.cyclonedx+json; version=1.5"
SERIALS = uuid.uuid5(uuid.NAMESPACE_OID, "stoneware sbom")
"""The namespace of our serial numbers (RFC 9562, section 5.5)."""


def cyclonedx(
    inventory: Inventory, *, family: str, digest: str, epoch: int, boot: Sequence[BootComponent] = ()
) -> bytes:
    """The document for the tree of an image of this family, and for what starts it.

    `digest` is the tree's (`sha256:…`), `epoch` the time that its files carry (seconds since the epoch).
    """
    named = " ".join([digest, *(one.component.purl for one in boot)])
    root = f"{family}@{digest}"
    properties = [{"name": "stoneware:unread", "value": note} for note in inventory.unread]
    metadata: dict[str, Any] = {
        "timestamp": datetime.fromtimestamp(epoch, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "tools": {"components": [{"type": "application", "name": "stoneware"}]},
        "component": {"type": "operating-system", "bom-ref": root, "name": family, "version": digest},
    }
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "serialNumber": uuid.uuid5(SERIALS, named).urn,
        "version": 1,
        "metadata": metadata | ({"properties": properties} if properties else {}),
        "components": [*_components(inventory), *(_boot_component(one) for one in boot)],
        # what was copied in by hand is in no package manager's books
        "compositions": [{"aggregate": "incomplete" if inventory.unread else "unknown", "assemblies": [root]}],
    }
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


def _components(inventory: Inventory) -> Iterator[dict[str, Any]]:
    """A tree may hold a package twice: then its place tells one from the other."""
    times = Counter(one.purl for one in inventory.components)
    for one in inventory.components:
        yield _component(one, one.purl if times[one.purl] == 1 else f"{one.purl}#{one.path}")


def _boot_component(one: BootComponent) -> dict[str, Any]:
    """The same package may be in the tree, too: its place tells one from the other."""
    part = one.component
    written = _component(part, f"{part.purl}#{part.path}")
    kind = "operating-system" if part.name.startswith("linux-image-") else "library"
    return {**written, "type": kind} | ({"supplier": {"name": one.supplier}} if one.supplier else {})


def _component(one: Component, ref: str) -> dict[str, Any]:
    scope, slash, short = one.name.rpartition("/")
    written: dict[str, Any] = {
        "type": "library",
        "bom-ref": ref,
        "name": short,
        "version": one.version,
        "purl": one.purl,
        "evidence": {"occurrences": [{"location": one.path}]},
    }
    if slash:
        written["group"] = scope
    if one.licences:  # by name: they are the packages' own words, not SPDX's
        written["licenses"] = [{"license": {"name": name}} for name in one.licences]
    if one.source:
        written["properties"] = [{"name": "stoneware:source", "value": one.source}]
    return written
