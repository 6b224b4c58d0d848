"""A setting of the installation: something that a person decided, which no repository declares."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

NOTHING = ""
"""The value of a setting that isn't there."""


class Place(NamedTuple):
    """Which setting: the `subject` that the ledger's entries have, and `where` of it."""

    subject: str
    where: str


class Edited(NamedTuple):
    """A setting of which a row or a file says something else than the ledger. `NOTHING`: there is none."""

    place: Place
    on_record: str
    found: str


Settings = Mapping[Place, str]
"""Values by their place."""
