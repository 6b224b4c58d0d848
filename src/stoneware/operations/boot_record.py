"""What a machine under test says of itself when all tests have passed: what every machine of the image is compared with."""

from __future__ import annotations

from stoneware.engines.engine import Engine
from stoneware.errors import EngineError
from stoneware.model.evidence import Inside
from stoneware.operations.procedure import Context


def record_of(ctx: Context, engine: Engine, machine: str) -> Inside | None:
    """None, and a line in the log, when the machine can't be asked: then its image's machines are compared with nothing."""
    try:
        evidence = engine.attest(machine)
    except EngineError as away:
        ctx.log(f"what the machine is like inside is not on record: {away}")
        return None
    if evidence.inside is None:
        ctx.log(f"what the machine is like inside is not on record: {evidence.silence}")
    return evidence.inside
