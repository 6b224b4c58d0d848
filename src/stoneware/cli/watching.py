"""Waiting for an operation, with its story on the screen. Ctrl-C leaves it running and says how to come back."""

from __future__ import annotations

import collections
import contextlib
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

import click

from stoneware.cli import output
from stoneware.client import Client
from stoneware.errors import DaemonUnreachable, StonewareError

POLL_S = 0.15
PRINTED = "| "
"""What a program printed stands behind this mark in an operation's log."""
KEPT_LINES = 30
LONG = 40
"""A sentence of more characters than these is told once, when the state behind it has the same to say."""

Programs = Literal["hide", "tail", "all"]
"""What is shown of an operation's log: nothing; our own words, and the programs' last lines when it fails; everything."""


class OperationFailed(StonewareError):
    """The operation ended otherwise than hoped for."""


def follow(
    client: Client, operation: dict[str, Any], *, quiet: bool = False, programs: Programs = "hide"
) -> dict[str, Any]:
    """Shows an operation until it is over and returns it. Raises OperationFailed unless it succeeded."""
    identity = operation["id"]
    try:
        record = _watch(client, identity, quiet=quiet, programs=programs)
    except DaemonUnreachable as away:
        hint = f"`stoneware serve --background`, then `stoneware history {identity} --watch`"
        raise DaemonUnreachable(f"{away.message}; {identity} goes on with the next daemon", hint) from away
    except KeyboardInterrupt:
        click.echo(f"\n{identity} goes on without you:", err=True)
        click.echo(
            f"  `stoneware history {identity} --watch` looks again, `stoneware abort {identity}` turns it back",
            err=True,
        )
        sys.exit(1)
    if record["result"] != "SUCCEEDED":
        hint = f"`stoneware history {identity}` tells the story"
        raise OperationFailed(f"{identity} {record['result']}: {record['because']}", hint, code=record["code"])
    return record


def follow_back(client: Client, operation: dict[str, Any], *, quiet: bool = False) -> dict[str, Any]:
    """The same for an operation that was told to turn back: REVERTED is what was hoped for."""
    record = _watch(client, operation["id"], quiet=quiet, programs="hide")
    if record["result"] not in ("REVERTED", "FAILED"):
        raise OperationFailed(f"{record['id']} {record['result']}: {record['because']}", code=record["code"])
    return record


def watch_json(client: Client, operation: str) -> None:
    """An operation's events as JSON lines, until it is over."""
    for name, data in client.events(operation):
        click.echo(json.dumps({"event": name, "data": json.loads(data)}))


@dataclass
class _Log:
    """The lines of an operation's log that were not shown, in case that it fails."""

    client: Client
    identity: str
    programs: Programs
    offset: int = 0
    hidden: collections.deque[str] = field(default_factory=lambda: collections.deque(maxlen=KEPT_LINES))

    def show(self) -> None:
        """Shows what is new of it."""
        if self.programs == "hide":
            return
        text, self.offset = self.client.text(f"/v1/operations/{self.identity}/log", offset=self.offset)
        for line in text.splitlines():
            if line.startswith(PRINTED) and self.programs == "tail":
                self.hidden.append(line)
            else:
                self.hidden.clear()
                output.say(f"    {line}")

    def show_hidden(self) -> None:
        """Shows the last lines that were held back."""
        for line in self.hidden:
            output.say(f"    {line}")


def _watch(client: Client, identity: str, *, quiet: bool, programs: Programs) -> dict[str, Any]:
    seen, told, log = 0, "", _Log(client, identity, programs)
    with _status(quiet) as show:
        while True:
            record: dict[str, Any] = client.get(f"/v1/operations/{identity}")
            if not quiet:
                log.show()
                if record["result"] not in (None, "SUCCEEDED"):
                    log.show_hidden()
                for line in client.get(f"/v1/operations/{identity}/journal", after=seen):
                    seen, text = line["seq"], line["text"]
                    shown = "(as above)" if text == told and len(text) > LONG else text
                    output.say(
                        f"{line['at'] - record['created_at']:7.1f}s  {line['state'].lower():<14} {shown}".rstrip()
                    )
                    told = text
            show(f"{record['state'].lower()}: {record['because']}")
            if record["result"]:
                return record
            time.sleep(POLL_S)


@contextlib.contextmanager
def _status(quiet: bool) -> Iterator[Any]:
    """A live line where there is a screen; nothing where there is none."""
    if quiet or not sys.stdout.isatty():
        yield lambda _: None
        return
    from rich.console import Console

    with Console().status("") as status:
        yield status.update
