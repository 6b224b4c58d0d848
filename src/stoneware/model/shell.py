"""Break-glass sessions: the only way into a machine, and what is kept of each."""

from __future__ import annotations

from pydantic import Field

from stoneware.model.noun import Noun


class Window(Noun):
    """The size of somebody's terminal in characters, and what kind it is (`TERM`)."""

    rows: int = Field(default=24, ge=1, le=1000)
    columns: int = Field(default=80, ge=1, le=1000)
    kind: str = Field(default="dumb", pattern=r"^[A-Za-z0-9.+-]{1,32}$")


class WantedShell(Noun):
    """Who wants to get into which machine, why, for how long (seconds), and whether requests are to stay away from it first."""

    machine: str
    made_at: float
    deployment: str
    engine: str
    actor: str
    reason: str
    limit_s: float
    drain: bool = False


class ShellSession(WantedShell):
    """A session that was granted, `shell-N`. It is on record before anybody is let in.

    `because` says why it ended. `transcript` is the SHA-256 (hex) of its transcript, `transcript_bytes` its size; both are
    known when the session is over. Times are seconds since the epoch.
    """

    id: str
    began_at: float
    ended_at: float | None = None
    because: str = ""
    transcript: str = ""
    transcript_bytes: int = 0
