"""Errors as words on stderr and an exit code."""

from __future__ import annotations

import errno
import json
import os
import sys
import traceback
from collections.abc import Sequence
from dataclasses import asdict

import click

from stoneware.cli.output import plain
from stoneware.errors import BadInput, DaemonUnreachable, NotFound, StonewareError

FULL = (errno.ENOSPC, errno.EDQUOT)
FAILED, BAD_INPUT, UNREACHABLE = 1, 2, 3


def report(error: Exception) -> int:
    """Says what is wrong and what to do. Returns the exit code."""
    if isinstance(error, OSError) and error.strerror:
        place = f"{error.filename}: " if error.filename else ""
        error = StonewareError(
            f"{place}{error.strerror.lower()}",
            "check the path, its rights, and the room on its disk",
            code="disk-full" if error.errno in FULL else "",
        )
    if not isinstance(error, StonewareError):
        if os.environ.get("STONEWARE_DEBUG"):
            traceback.print_exception(error)
        click.echo(f"stoneware: internal error: {type(error).__name__}: {error}", err=True)
        click.echo("  STONEWARE_DEBUG=1 shows where; please report it", err=True)
        click.echo(_code_line("unforeseen"), err=True)
        return FAILED
    if error.code == "bad-request":  # who typed a command has no use for the API's document
        error.next_step = f"`{_command(sys.argv[1:])} --help` says what is asked for"
    if "--json" in sys.argv:
        body: dict[str, object] = {
            "error": error.message,
            "next_step": error.next_step,
            "kind": type(error).__name__,
            "code": error.code,
        }
        if isinstance(error, BadInput):
            body["problems"] = [asdict(problem) for problem in error.problems]
        click.echo(json.dumps(body))
    else:
        _say(error)
    if isinstance(error, DaemonUnreachable):
        return UNREACHABLE
    return BAD_INPUT if isinstance(error, BadInput | NotFound) else FAILED


def report_usage(error: click.ClickException) -> int:
    """Says what click found wrong with the words themselves, as any other bad input, under its own line of how it is called."""
    context = error.ctx if isinstance(error, click.UsageError) else None
    if context is not None and "--json" not in sys.argv:
        click.echo(context.get_usage(), err=True)
    message = error.format_message().strip().removesuffix(".")
    command = context.command_path if context is not None else _command(sys.argv[1:])
    return report(BadInput(message[:1].lower() + message[1:], next_step=f"`{command} --help` says what is asked for"))


def _command(words: Sequence[str]) -> str:
    """The command that was called, without its arguments."""
    from stoneware.cli.main import cli

    found: click.Command | None = cli
    named = ["stoneware"]
    for word in words:
        found = found.get_command(click.Context(found), word) if isinstance(found, click.Group) else None
        if found is None:
            break
        named.append(word)
    return " ".join(named)


def _say(error: StonewareError) -> None:
    problems = error.problems if isinstance(error, BadInput) else ()
    for problem in problems:
        click.echo(plain(str(problem)), err=True)
    click.echo(plain(f"stoneware: {error.message}") + ("; nothing was changed" if problems else ""), err=True)
    if error.next_step:
        click.echo(plain(f"  next: {error.next_step}"), err=True)
    click.echo(_code_line(error.code), err=True)


def _code_line(code: str) -> str:
    return f"  code: {code} (`stoneware docs {code}`)"
