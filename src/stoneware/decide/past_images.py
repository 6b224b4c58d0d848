"""What an entry of the ledger makes of an image."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from stoneware.decide.lifecycle import time_of
from stoneware.model.image import Image, ImageState
from stoneware.model.ledger import LedgerEntry
from stoneware.model.lifecycle import Timer
from stoneware.model.quantity import format_moment
from stoneware.names import split_image_name

DECIDED = (
    "family",
    "number",
    "state",
    "state_reason",
    "revoked_at",
    "revoked_reason",
    *(timer.field for timer in Timer),
)
"""What people and timers decide about an image, of which the ledger has every entry."""
RECORD = "boot_test_sha256"
"""Under this an entry about publishing has the fingerprint of the boot test's record."""


def fingerprint(record: Mapping[str, Any]) -> str:
    """Of a record as it is stored: what is read from it by another version of Stoneware has other fields."""
    return hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()


def image_after(before: Image | None, entry: LedgerEntry) -> Image | None:
    """The image after an entry about it. An entry of what never was staged makes nothing."""
    fact, details = entry.fact, entry.fact.details
    verb = fact.verb.removeprefix("image.")
    if verb == "stage":
        return Image(
            digest=details["digest"],
            family=fact.subject.partition("@")[0],
            created_at=entry.at,
            state_at=entry.at,
            state_reason=fact.reason,
            size_bytes=int(details.get("size_bytes", 0)),
        )
    if before is None:
        return None
    changes: dict[str, object] = _timers(details)
    if verb in ("publish", "restore", "deprecate", "obsolete", "delete") and details["state"] != ImageState.STAGED:
        changes |= {"state": ImageState(details["state"]), "state_at": entry.at, "state_reason": fact.reason}
    if verb == "publish":
        named = split_image_name(fact.subject)
        changes |= {"number": named[1] if named else None}
    if "was_revoked" in details:
        changes |= {"revoked_at": None, "revoked_reason": ""}
    if verb == "revoke":
        changes |= {"revoked_at": entry.at, "revoked_reason": fact.reason}
    return before.model_copy(update=changes)


def image_on_record(digest: str, entries: Iterable[LedgerEntry]) -> Image | None:
    """What has become of an image by its entries, given in order; others may be among them. None when there are none."""
    image: Image | None = None
    for entry in entries:
        if entry.fact.verb.startswith("image.") and entry.fact.details.get("digest") == digest:
            image = image_after(image, entry)
    return image


def as_decided(image: Image, entries: Iterable[LedgerEntry]) -> Image:
    """An image as its entries have what people and timers decide about it; as its row has it where there are none."""
    known = image_on_record(image.digest, entries)
    return image.model_copy(update={field: getattr(known, field) for field in DECIDED} if known else {})


def edited(image: Image, row: Image) -> list[tuple[str, str, str]]:
    """Where the row of an image says something else than was decided on record: what it is about, what is on record, what the row
    says. Moments are told to a microsecond there."""
    told = [
        ("family", image.family, row.family),
        ("number", _said(image.number), _said(row.number)),
        ("state", image.state.value, row.state.value),
        ("revoked", *("no" if one.revoked_at is None else "yes" for one in (image, row))),
        *((timer.field, _at(time_of(image, timer)), _at(time_of(row, timer))) for timer in Timer),
    ]
    return [(what, expected, found) for what, expected, found in told if expected != found]


def names_in_entries(image: Image, pinned: Iterable[str] = ()) -> set[str]:
    """What entries may call an image: as its row has it, and by the names that releases pin, for a row can be edited."""
    pinned = set(pinned)
    families = {image.family, *(name.rpartition("/")[0] for name in pinned)}
    staged = {image.model_copy(update={"family": family, "number": None}).name for family in families}
    return {image.name, *pinned, *staged}


def record_of(digest: str, entries: Iterable[LedgerEntry]) -> str:
    """The fingerprint of the boot-test record that an image was published with; empty where no entry says it."""
    made = [one.fact.details for one in entries if one.fact.verb == "image.publish"]
    return next((details.get(RECORD, "") for details in made if details.get("digest") == digest), "")


def _said(number: int | None) -> str:
    return "none" if number is None else str(number)


def _at(moment: float | None) -> str:
    return "never" if moment is None else format_moment(moment)


def _timers(details: Mapping[str, str]) -> dict[str, object]:
    """The timers that an entry sets or takes away."""
    told = {timer.field: details[timer.field] for timer in Timer if timer.field in details}
    return {field: None if at == "never" else datetime.fromisoformat(at).timestamp() for field, at in told.items()}
