"""What became of a deployment's releases, from the ledger's entries of how operations ended: which are good, and in which order
they were current. A row that says otherwise was edited; it decides where a rollback leads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from stoneware.model.ledger import Fact
from stoneware.model.release import ReleaseState

VERBS = (
    "rollout.begin",
    *(f"{kind}.{end}" for kind in ("rollout", "teardown") for end in ("succeeded", "reverted", "failed", "stuck")),
)
"""What is to be read, of a deployment as the subject."""


@dataclass(frozen=True)
class Ends:
    """`states` of all releases to which a rollout began, by number; `order` are those that were current, the latest last."""

    states: Mapping[int, ReleaseState]
    order: Sequence[int]


def ends_of(facts: Iterable[Fact]) -> Ends:
    """Reads the entries in their order. Those that name no number are of an earlier kind, and say nothing."""
    states: dict[int, ReleaseState] = {}
    order: list[int] = []
    for fact in facts:
        kind, _, end = fact.verb.partition(".")
        target, source = _number(fact, "target"), _number(fact, "source")
        if fact.verb == "teardown.succeeded":
            states, order = {}, []
        elif kind == "teardown":  # whatever gave way to it is judged by nobody any more
            states |= {number: ReleaseState.BAD for number, state in states.items() if state is ReleaseState.NEW}
        elif target is None:
            continue
        elif end == "succeeded":
            states[target] = ReleaseState.GOOD
            order = [*(number for number in order if number != target), target]
            if "rollback" in fact.details and source is not None and source > target:
                states[source] = ReleaseState.BAD
        elif states.setdefault(target, ReleaseState.NEW) is ReleaseState.NEW and end != "begin":
            states[target] = ReleaseState.BAD
    return Ends(states, tuple(order))


def edited(ends: Ends, rows: Sequence[tuple[int, str, int | None]]) -> list[tuple[int, str, str, str]]:
    """The release rows (number, state, place in the order of those that were current) that say something else: number, what it
    is about, what is on record, what the row says."""
    found = [
        (number, "state", str(ends.states[number]), state)
        for number, state, _ in rows
        if number in ends.states and ends.states[number] != state
    ]
    known = {number for number, _, _ in rows}
    expected = [number for number in ends.order if number in known]
    order = [number for number, _, place in sorted(rows, key=lambda row: row[2] or 0) if place is not None]
    if expected != order:
        found.append((max(known, default=0), "order", _words(expected), _words(order)))
    return found


def _words(order: Sequence[int]) -> str:
    return f"current were, in this order: {', '.join(map(str, order)) or 'none'}"


def _number(fact: Fact, name: str) -> int | None:
    value = fact.details.get(name, "")
    return int(value) if value.isdigit() else None
