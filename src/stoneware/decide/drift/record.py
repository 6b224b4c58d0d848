"""What is on record against the rows that say it: a row can be edited, an entry can't without notice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from stoneware.decide.drift.sight import Sight
from stoneware.decide.settings import CURRENT, OF_RELEASES
from stoneware.model.drift import Drift
from stoneware.model.setting import Place

MOST_PLACES = 5


def record_drifts(sight: Sight) -> Iterator[Drift]:
    """The ledger itself, what nobody entered into it, and settings, ends and pins that it has otherwise."""
    if sight.ledger:
        ask = "`stoneware ledger verify --checkpoint FILE` compares it with checkpoints that were kept elsewhere"
        yield sight.differs("ledger.broken", "ledger", "every entry as it was written", sight.ledger, remedy=ask)
    for fact in sight.refused:
        claimed, what = fact.details.get("claimed", ""), fact.details.get("signal") or "an operation"
        found = f"{what} by {claimed!r}, in the database alone"
        yield sight.differs("operation.forged", fact.details["operation"], fact.reason, found)
    for place, on_record, found in sight.edited_settings:
        yield from _setting(sight, place, on_record, found)
    yield from _current(sight)
    for number, what, on_record, row in sight.edited_ends:
        mend = f"`stoneware ledger show --subject {sight.release.deployment}` says what became of it; go back by number"
        about = f"{sight.release.deployment}#{number}"
        yield sight.differs("release.changed", about, on_record, f"its row says {row}", where=what, remedy=mend)
    yield from _pins(sight)


def _setting(sight: Sight, place: Place, on_record: str, found: str) -> Iterator[Drift]:
    """One of the installation, which every deployment tells; or which releases there are, of this deployment alone. What is
    current is told once, by `_current`."""
    if place.where not in OF_RELEASES:
        mend = f"`stoneware ledger show --subject {place.subject}` says what was decided: decide it again"
        expected, seen = on_record or "nothing", found or "nothing"
        yield sight.differs("installation.changed", place.subject, expected, seen, where=place.where, remedy=mend)
    elif place.where != CURRENT and place.subject.partition("#")[0] == sight.release.deployment:
        expected, seen, remedy = on_record or "none", found or "none", _made_again(sight)
        yield sight.differs("release.changed", place.subject, expected, seen, where=place.where, remedy=remedy)


def _current(sight: Sight) -> Iterator[Drift]:
    number = sight.current_on_record
    if number is not None:
        expected = f"release {number} is current" if number else "no release is current"
        found = f"its row says release {sight.release.number}"
        yield sight.differs(
            "release.changed", _name(sight), expected, found, where="current", remedy=_made_again(sight)
        )


def _pins(sight: Sight) -> Iterator[Drift]:
    """The current release against the entry of its making; of an older entry, against the images that it has."""
    remedy = _made_again(sight)
    if sight.altered is not None:
        if sight.altered:
            found = _others(sight.altered)
            yield sight.differs("release.changed", _name(sight), "as it was made", found, remedy=remedy)
        return
    for group, pinned in sight.release.groups.items() if sight.on_record is not None else ():
        expected, found = (sight.on_record or {}).get(group, "nothing"), f"{pinned.image} {pinned.digest}"
        if expected != found:
            yield sight.differs("release.changed", _name(sight), expected, found, where=group, remedy=remedy)


def _name(sight: Sight) -> str:
    return f"{sight.release.deployment}#{sight.release.number}"


def _made_again(sight: Sight) -> str:
    return f"`stoneware ledger verify` says whether the ledger holds; then deploy {sight.release.deployment} again"


def _others(places: Sequence[str]) -> str:
    more = f" and {len(places) - MOST_PLACES} more places" if len(places) > MOST_PLACES else ""
    return f"its row says something else of {', '.join(places[:MOST_PLACES])}{more}"
