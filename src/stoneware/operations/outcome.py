"""What a state of an operation can say: go on, wait, or it is over. Each carries the frame to be stored with it."""

from __future__ import annotations

from dataclasses import dataclass

from stoneware.model.noun import Noun
from stoneware.model.operation import Result


@dataclass(frozen=True)
class Go:
    """Enter `state` next."""

    state: str
    frame: Noun
    because: str = ""


@dataclass(frozen=True)
class Wait:
    """Stay, and look again in `seconds`; `because` is the sentence that people see meanwhile."""

    seconds: float
    frame: Noun
    because: str


@dataclass(frozen=True)
class Finish:
    """The end, with its result."""

    result: Result
    frame: Noun
    because: str


Outcome = Go | Wait | Finish
