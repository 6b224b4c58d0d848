"""The ledger: read, proven, and vouched for by checkpoints."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field, StringConstraints

from stoneware.api.services import Given, Position, Services
from stoneware.model.checkpoint import Checkpoint, Verdict
from stoneware.model.ledger import LedgerEntry
from stoneware.model.noun import Noun
from stoneware.operations.checkpoints import LONGEST_LINE, Checkpoints
from stoneware.operations.ledger_proof import prove_store
from stoneware.operations.ledger_watch import LedgerWatch

router = APIRouter(tags=["ledger"])
MOST_LINES = 1_000_000


class Signed(Noun):
    """A checkpoint, and the line (a DSSE envelope in JSON) that has it under this installation's signature."""

    checkpoint: Checkpoint
    line: str


class Compared(Noun):
    """Checkpoints to compare the ledger with, besides those of this home: lines that `stoneware ledger checkpoint` printed."""

    lines: Annotated[
        tuple[Annotated[str, StringConstraints(max_length=LONGEST_LINE)], ...], Field(max_length=MOST_LINES)
    ] = ()


@router.get("/v1/ledger")
def read_ledger(
    services: Given,
    after: Position = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    subject: str | None = None,
    verb: str | None = None,
    since: Annotated[float | None, Query(allow_inf_nan=False)] = None,
) -> list[LedgerEntry]:
    """Entries in order: of a subject and what is below it, of a verb or all of a noun, since a time (seconds since the epoch)."""
    return services.store.ledger.entries(after, limit, subject, verb, since)


@router.get("/v1/ledger/verdict")
def verify_ledger(services: Given) -> Verdict:
    """Whether the chain holds, and is the one that this home's checkpoints speak of."""
    return prove_store(_checkpoints(services))


@router.post("/v1/ledger/verdict")
def compare_ledger(services: Given, body: Compared) -> Verdict:
    """The same, compared with checkpoints that were kept elsewhere, too."""
    return prove_store(_checkpoints(services), body.lines)


@router.post("/v1/ledger/checkpoints")
def make_checkpoint(services: Given) -> Signed:
    """Signs where the ledger ends now. Refused (409) where it doesn't hold, or no longer has what a checkpoint says."""
    checkpoint, line = LedgerWatch(_checkpoints(services)).vouch()
    return Signed(checkpoint=checkpoint, line=line)


@router.get("/v1/ledger/checkpoints")
def list_checkpoints(services: Given) -> list[str]:
    """All checkpoints of this home, as lines."""
    return _checkpoints(services).lines()


def _checkpoints(services: Services) -> Checkpoints:
    return Checkpoints(services.store, services.home, services.clock)
