"""What moves in the store at the end of a rollout, in the transaction that ends it."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Connection

from stoneware.model.operation import Result
from stoneware.model.release import ReleaseState
from stoneware.operations.rollout.frame import RolloutFrame
from stoneware.store.releases import Releases


def desired(
    releases: Releases, deployment: str, frame: RolloutFrame, result: Result
) -> Callable[[Connection], None] | None:
    """Success makes the release current and good. A release that never was good is marked, so that nothing returns to it.

    So is one that a person went back from: the next rollback goes further back, not to what was fled from.
    """
    if result is Result.SUCCEEDED:

        def move(conn: Connection) -> None:
            releases.mark(conn, deployment, frame.target, ReleaseState.GOOD)
            releases.set_current(conn, deployment, frame.target)
            if frame.rollback and frame.source is not None and frame.source > frame.target:
                releases.mark(conn, deployment, frame.source, ReleaseState.BAD)

        return move
    if releases.get(deployment, frame.target).state is ReleaseState.NEW:
        return lambda conn: releases.mark(conn, deployment, frame.target, ReleaseState.BAD)
    return None
