"""What has to hold before images come to an environment: its gates, and the times when nothing comes at all."""

from __future__ import annotations

from datetime import date, datetime, time
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, StrictBool, StrictStr, StringConstraints, model_validator

from stoneware.model.choice import one_of, require_one
from stoneware.model.deployment import Name
from stoneware.model.noun import Noun
from stoneware.model.probe import HttpProbe, TcpProbe
from stoneware.model.quantity import Seconds, Span

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MIDNIGHT = "24:00"
"""The end of a day."""


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (OSError, ValueError, KeyError):
        raise ValueError("no time zone: write one such as Europe/Berlin or UTC") from None
    return name


Zone = Annotated[
    StrictStr,
    StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_+/-]*$", max_length=64),
    AfterValidator(_zone),
]
Edge = Annotated[StrictStr, StringConstraints(max_length=30)]
Words = Annotated[StrictStr, StringConstraints(min_length=1, max_length=500)]


class FreezeSpec(Noun):
    """A time when nothing comes to the environment, by the clocks of `zone`.

    Once: from the day (or moment) `since` to `until`, a day to its end: `{ since: 2026-12-20, until: 2027-01-04 }`. Every week:
    on each of `days` from `since` to `until`, to the next day when that is no later:
    `{ days: [fri], since: "16:00", until: "24:00" }`; without them, the whole day.
    """

    since: Edge | None = None
    until: Edge | None = None
    days: Annotated[tuple[Day, ...], Field(min_length=1)] | None = None
    zone: Zone = "UTC"
    reason: Words = "a freeze"

    @model_validator(mode="after")
    def _can_be_read(self) -> Self:
        if self.days is not None:
            if len(set(self.days)) != len(self.days):
                raise ValueError("names a day twice: write each day once")
            if clock_time(self.since or "00:00") == clock_time(self.until or MIDNIGHT) != (0, 0):
                raise ValueError("since and until are the same: leave both out for a whole day")
            return self
        if self.since is None or self.until is None:
            raise ValueError("has no beginning or no end: give since and until, or days for every week")
        if local_moment(self.since, ends=False) >= local_moment(self.until, ends=True):
            raise ValueError("ends before it begins: give until a later day than since")
        return self


def clock_time(text: str) -> tuple[int, int]:
    """Hours and minutes of `16:00`; (24, 0) is the end of the day. Raises ValueError."""
    if text == MIDNIGHT:
        return (24, 0)
    try:
        found = time.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or len(text) != len("16:00") or found.tzinfo:
        raise ValueError(f'{text!r} is no time of a day: write it in quotes, like "16:00"')
    return (found.hour, found.minute)


def local_moment(text: str, *, ends: bool) -> datetime:
    """What the clocks show at `2026-12-20` (its beginning, or the next day's) or `2026-12-20T16:00`. Raises ValueError."""
    wrong = ValueError(
        f"{text!r} is no day: write it like 2026-12-20, or 2026-12-20T16:00 as the clocks of zone show it"
    )
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise wrong from None
    if found.tzinfo or not 1971 <= found.year <= 9000:
        raise wrong
    if len(text) == len("2026-12-20") and ends:
        return datetime.fromordinal(date.toordinal(found) + 1)
    return found


class PromotionTest(Noun):
    """A question to every machine of `group` in the environment that the images come from. Exactly one of `http` and `tcp`."""

    model_config = one_of("http", "tcp")

    group: Name
    http: HttpProbe | None = None
    tcp: TcpProbe | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        require_one(self, "http", "tcp")
        return self

    @property
    def probe(self) -> HttpProbe | TcpProbe:
        """The one that is given."""
        return self.http or self.tcp or TcpProbe(port=1)  # one is given, as was checked


class PromotionSpec(Noun):
    """How images come to an environment: as what runs in environment `after`, by `stoneware promote`, when every gate holds.

    `soak`: they have run there so long. `drift_free`: a fresh look there finds no drift but what is ignored or only worth knowing.
    `test`: questions to the machines there. `approval`: somebody with this role of the installation agrees within
    `approve_within`, and not who asked. `freeze`: times when nothing comes, also no other deploy; a rollback or a repair may.
    """

    after: Name
    soak: Seconds = 0.0
    drift_free: StrictBool = False
    test: tuple[PromotionTest, ...] = ()
    approval: Name | None = None
    approve_within: Span = 86400.0
    freeze: tuple[FreezeSpec, ...] = ()
