"""Errors as words on stderr and an exit code."""

from __future__ import annotations

import json
import os
import sys
import traceback
from dataclasses import asdict

import click

from stoneware.errors import BadInput, DaemonUnreachable, NotFound, StonewareError

FAILED, BAD_INPUT, UNREACHABLE = 1, 2, 3


def report(error: Exception) -> int:
    """Says what is wrong and what to do. Returns the exit code."""
    if isinstance(error, OSError) and error.strerror:
        place = f"{error.filename}: " if error.filename else ""
        error = StonewareError(
            f"{place}{error.strerror.lower()}", "check the path, its rights, and the room on its disk"
        )
    if not isinstance(error, StonewareError):
        if os.environ.get("STONEWARE_DEBUG"):
            traceback.print_exception(error)
        click.echo(f"stoneware: internal error: {type(error).__name__}: {error}", err=True)
        click.echo("  STONEWARE_DEBUG=1 shows where; please report it", err=True)
        return FAILED
    if "--json" in sys.argv:
        body: dict[str, object] = {"error": error.message, "next_step": error.next_step, "kind": type(error).__name__}
        if isinstance(error, BadInput):
            body["problems"] = [asdict(problem) for problem in error.problems]
        click.echo(json.dumps(body))
    else:
        _say(error)
    if isinstance(error, DaemonUnreachable):
        return UNREACHABLE
    return BAD_INPUT if isinstance(error, BadInput | NotFound) else FAILED


def _say(error: StonewareError) -> None:
    problems = error.problems if isinstance(error, BadInput) else ()
    for problem in problems:
        click.echo(str(problem), err=True)
    click.echo(f"stoneware: {error.message}" + ("; nothing was changed" if problems else ""), err=True)
    if error.next_step:
        click.echo(f"  next: {error.next_step}", err=True)
