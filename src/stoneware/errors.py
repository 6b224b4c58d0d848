"""Every way in which Stoneware says no.

    StonewareError
    ├── BadInput             what was asked for can't be read: a list of problems, each with its place
    ├── NotFound             no such image, machine, deployment, operation
    ├── Conflict             it exists, but its state doesn't allow this now
    ├── EngineError          an engine or a traffic switch said no
    │   ├── Unreachable      try again later
    │   ├── Refused          won't work as asked; trying again won't help
    │   └── Misconfigured    the operator must act on the host first
    ├── ToolFailed           a program that we ran ended badly
    ├── BakeFailed           a recipe can't be built, sealed or booted
    ├── DaemonUnreachable    nobody answers on the socket
    └── LeaseLost            another worker has taken this operation over

Each carries a `code` for scripts and for `stoneware docs CODE`: its class's own, or a finer one of `codes.py`.
Exit codes and HTTP statuses are not known here: only the faces (cli, api) translate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class StonewareError(Exception):
    """The root. `message` says what is wrong, `next_step` what a person can do about it, `code` of which kind it is."""

    code: str = "failed"

    def __init__(self, message: str, next_step: str = "", *, code: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.next_step = next_step
        if code:
            self.code = code

    def __str__(self) -> str:
        return f"{self.message} ({self.next_step})" if self.next_step else self.message


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong in an input file: where, what, and what would be right."""

    file: str
    line: int
    path: str
    wrong: str
    right: str = ""
    code: str = "value-invalid"

    def __str__(self) -> str:
        place = f"{self.file}:{self.line} {self.path}".rstrip()
        return f"{place}: {self.wrong}" + (f", {self.right}" if self.right else "")


class BadInput(StonewareError):
    """All problems of an input at once."""

    code = "bad-input"

    def __init__(self, message: str, problems: Sequence[Problem] = (), next_step: str = "", *, code: str = "") -> None:
        super().__init__(message, next_step, code=code)
        self.problems = tuple(problems)


class NotFound(StonewareError):
    """What was named doesn't exist."""

    code = "not-found"


class Conflict(StonewareError):
    """The state of the thing doesn't allow this now."""

    code = "conflict"


class EngineError(StonewareError):
    """Base of the three answers that leave an engine or a traffic switch."""


class Unreachable(EngineError):
    """The other side doesn't answer; the same call may succeed later."""

    code = "unreachable"


class Refused(EngineError):
    """The call is understood and won't work as asked."""

    code = "refused"


class Misconfigured(EngineError):
    """The host or the account lacks something; a person must act."""

    code = "misconfigured"


class ToolFailed(StonewareError):
    """A program ended with another status than asked for.

    `argv` holds its words, `status` its exit code (negative: the signal; None: timed out), `tail` the end of its output.
    """

    code = "tool-failed"

    def __init__(self, argv: Sequence[str], status: int | None, tail: str, next_step: str = "") -> None:
        ended = "timed out" if status is None else f"ended with status {status}"
        last = tail.strip().splitlines()[-1:] or ["no output"]
        super().__init__(f"{argv[0]} {ended}: {last[0]}", next_step)
        self.argv = tuple(argv)
        self.status = status
        self.tail = tail


class BakeFailed(StonewareError):
    """A bake can't go on. `step` names the failing step of the recipe, `tail` holds the last lines it printed."""

    code = "bake-failed"

    def __init__(self, message: str, step: str = "", tail: str = "", next_step: str = "", *, code: str = "") -> None:
        super().__init__(message, next_step, code=code)
        self.step = step
        self.tail = tail


class DaemonUnreachable(StonewareError):
    """Nobody answers on the daemon's socket."""

    code = "daemon-unreachable"


class LeaseLost(StonewareError):
    """The operation's lease went to another worker: nothing of this step may be committed."""
