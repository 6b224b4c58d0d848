"""An explanation: one screen about one thing. What is, what is awaited, what isn't well, and what to do next."""

from __future__ import annotations

from typing import Literal

from stoneware.model.noun import Noun

Subject = Literal["deployment", "machine", "image", "operation"]
"""What can be explained."""


class Line(Noun):
    """A fact, under a short name."""

    what: str
    text: str


class Awaited(Noun):
    """What is waited for, since when, and what happens when it doesn't come until `deadline_at` (seconds since the epoch).

    No deadline: only a person ends it.
    """

    what: str
    since: float
    deadline_at: float | None
    then: str


class Explanation(Noun):
    """`at` is when it was looked (seconds since the epoch). `well`: nobody has to do anything.

    `answers` are the last failing health answers, by machine. `console` is the end of what the machine `console_of` printed.
    `code` is that of the failure it is about (`codes.py`); `next_step` a sentence with the next sensible command.
    """

    subject: Subject
    name: str
    at: float
    headline: str
    well: bool
    facts: tuple[Line, ...] = ()
    awaited: Awaited | None = None
    troubles: tuple[str, ...] = ()
    answers: tuple[Line, ...] = ()
    console_of: str = ""
    console: tuple[str, ...] = ()
    code: str = ""
    next_step: str
