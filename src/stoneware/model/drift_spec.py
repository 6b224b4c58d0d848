"""What a deployment declares about drift: how often it is looked for, what is done about each class, what is let pass."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainSerializer,
    StrictStr,
    StringConstraints,
    WithJsonSchema,
    model_validator,
)

from stoneware.model.drift import Policy
from stoneware.model.drift_classes import CLASSES
from stoneware.model.noun import Noun
from stoneware.model.quantity import Span

MIN_INTERVAL_S = 5.0


YEARS = range(2000, 9999)
"""Of moments that are declared: everybody can write them, in every zone."""


def parse_moment(value: Any) -> float:
    """Seconds since the epoch of `2027-01-31` (the day's end) or `2027-01-31T12:00:00Z`. Raises ValueError."""
    wrong = ValueError("not a time: write a day such as 2027-01-31, or a moment such as 2027-01-31T12:00:00Z")
    if not isinstance(value, str):
        raise wrong
    try:
        found = datetime.fromisoformat(value)
    except ValueError:
        raise wrong from None
    if found.year not in YEARS:
        raise ValueError(f"too far away: write a year from {YEARS.start} to {YEARS.stop - 1}")
    if len(value) == len("2027-01-31"):
        found = found.replace(hour=23, minute=59, second=59)
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


def format_moment_exactly(at: float) -> str:
    """`2027-01-31T23:59:59Z`."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _known(kind: str) -> str:
    if kind not in CLASSES:
        raise ValueError(f"no class of drift: write one of {', '.join(CLASSES)}")
    return kind


Moment = Annotated[
    float,
    BeforeValidator(parse_moment),
    PlainSerializer(format_moment_exactly, return_type=str),
    WithJsonSchema({"type": "string", "pattern": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}", "examples": ["2027-01-31"]}),
]
Kind = Annotated[
    StrictStr,
    AfterValidator(_known),
    WithJsonSchema({"type": "string", "pattern": f"^({'|'.join(re.escape(kind) for kind in CLASSES)})$"}),
]
Way = Literal["report", "quarantine", "replace"]
Words = Annotated[StrictStr, StringConstraints(min_length=1, max_length=500)]


class IgnoreSpec(Noun):
    """A difference that is let pass until `until`, and why. Without `subject` and `where` it is all of its class.

    `subject` is a machine, disk, image or service (`critter-junction-web-r3-0`), `where` the place in it (`tcp/9100`). When the
    time is over, the difference counts again, and says so.
    """

    kind: Kind
    subject: Words | None = None
    where: Words | None = None
    reason: Words
    until: Moment


class DriftSpec(Noun):
    """How drift is looked for, every `interval`, and what is done about it by class: `report`, `replace` or `quarantine`.

    A class that isn't named in `policy` has its default (see the table of classes). `replace` makes a machine anew within the
    group's disruption budget, and sets a route again. `quarantine` makes the whole group anew and keeps the machine, without
    traffic, for a person to look at.
    """

    interval: Annotated[Span, Field(ge=MIN_INTERVAL_S)] = 60.0
    policy: dict[Kind, Way] = {}
    ignore: tuple[IgnoreSpec, ...] = ()

    @model_validator(mode="after")
    def _means_something(self) -> Self:
        for kind, way in self.policy.items():
            may_be = CLASSES[kind].may_be
            if Policy(way) not in may_be:
                known = ", ".join(one for one in may_be if one is not Policy.IGNORE)
                raise ValueError(f"{kind} can't be {way}: there is nothing to {way}; write {known}")
        return self

    def policy_of(self, kind: str) -> Policy:
        """What is done about a class."""
        return Policy(self.policy[kind]) if kind in self.policy else CLASSES[kind].policy
