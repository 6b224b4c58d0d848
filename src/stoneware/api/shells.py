"""Break-glass sessions and taints. A session's terminal is no part of the API: its client goes to a socket in the home."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import PlainTextResponse
from pydantic import Field

from stoneware.api.services import Actor, Given, GivenReason, Name
from stoneware.errors import NotFound, Refused
from stoneware.model.noun import Noun
from stoneware.model.shell import ShellSession, Window
from stoneware.model.taint import Taint

router = APIRouter()
LONGEST_S = 86400.0
SOMEBODY = "`stoneware docs transcript-changed` says what that means"
SessionName = Annotated[str, Field(pattern=r"^shell-[0-9]{1,15}$")]


class ShellRequest(Noun):
    """Why somebody wants to get in, for how long (seconds, at most a day), what terminal they have, and whether requests are to
    stay away from the machine first."""

    reason: GivenReason
    limit_s: Annotated[float, Field(ge=1, le=LONGEST_S)] = 1800.0
    drain: bool = False
    window: Window = Window()


class ShownShell(ShellSession):
    """A session. `damage` says what became of its transcript since it ended, by the digest in the ledger; empty for nothing."""

    damage: str = ""


class ShellGranted(Noun):
    """A session that is on record, and the path of the socket at which it waits for its client, for half a minute."""

    session: ShellSession
    socket: str


@router.post("/v1/machines/{name}/shells", status_code=201, tags=["shells"])
def begin_shell(services: Given, name: str, body: ShellRequest, actor: Actor) -> ShellGranted:
    """Taints a machine, and lets somebody in. It is replaced when they have left."""
    session = services.shells.begin(
        name, body.window, actor=actor, reason=body.reason, limit_s=body.limit_s, drain=body.drain
    )
    return ShellGranted(session=session, socket=str(services.shells.socket_of(session)))


@router.get("/v1/shells", tags=["shells"])
def list_shells(services: Given, limit: Annotated[int, Query(ge=1, le=1000)] = 50) -> list[ShellSession]:
    """Sessions, newest first."""
    return services.store.shells.list(limit)


@router.get("/v1/shells/{session}", tags=["shells"])
def show_shell(services: Given, session: SessionName) -> ShownShell:
    """One session, and whether its transcript is the one that it had."""
    known = services.store.shells.get(session)
    return ShownShell(**dict(known), damage=services.shells.damage(known))


@router.get("/v1/shells/{session}/transcript", tags=["shells"], response_class=PlainTextResponse)
def read_transcript(services: Given, session: SessionName) -> str:
    """Everything that was typed and printed, as an asciicast (version 2)."""
    known = services.store.shells.get(session)
    try:
        return services.shells.transcript_of(known.id).read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        if damage := services.shells.damage(known):
            raise Refused(damage, SOMEBODY, code="transcript-changed") from None
        raise NotFound(
            f"{session} has no transcript", "nobody was let in" if known.ended_at else "it begins now"
        ) from None


@router.get("/v1/taints", tags=["shells"])
def list_taints(services: Given, deployment: Name | None = None, ended: bool = False) -> list[Taint]:
    """Taints of machines that are there still; with `ended`, all there ever were."""
    return services.store.taints.of(deployment, ended=ended)
