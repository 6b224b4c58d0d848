"""What a series of requests shows about switches that were made meanwhile: who failed, and who was answered by the wrong side."""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Request:
    """When it was sent and answered (nanoseconds), and by which fleet; `!` and a reason when it failed."""

    sent_ns: int
    answered_ns: int
    answer: str

    @property
    def failed(self) -> bool:
        return self.answer.startswith("!")


@dataclass(frozen=True)
class Change:
    """A switch to a fleet: when it was asked for, and when it was reported as made (nanoseconds)."""

    began_ns: int
    returned_ns: int
    fleet: str


def parse(line: str) -> Request:
    """A line of an asker."""
    sent, answered, answer = line.split(" ", 2)
    return Request(int(sent), int(answered), answer)


def stale(requests: Sequence[Request], changes: Sequence[Change]) -> list[Request]:
    """Requests that were sent after a switch had returned, and yet not answered by its fleet.

    Excused is only who was still on the way when the next switch began, and answered by that one's fleet.
    """
    returned = [change.returned_ns for change in changes]
    found = []
    for request in requests:
        last = bisect.bisect_left(returned, request.sent_ns) - 1
        if request.failed or last < 0 or request.answer == changes[last].fleet:
            continue
        later = changes[last + 1] if last + 1 < len(changes) else None
        if later is None or request.answered_ns < later.began_ns or request.answer != later.fleet:
            found.append(request)
    return found
