"""A long copy of an engine inside a step: said at every tenth, and ended when someone aborts it."""

from __future__ import annotations

from stoneware.errors import Refused
from stoneware.host.copying import Progress
from stoneware.operations.procedure import Context

MIB = 2**20


def watched(ctx: Context) -> Progress:
    """For the copies of one step. It raises Refused when the step is cancelled."""
    said = 0

    def progress(done: int, total: int) -> None:
        nonlocal said
        if ctx.cancelled.is_set():
            raise Refused("cut short", "start it again", code="interrupted")
        tenths = 10 * done // total if total else 0
        if tenths > said:
            said = tenths
            ctx.log(f"{tenths * 10} %: {done // MIB} of {total // MIB} MiB")

    return progress
