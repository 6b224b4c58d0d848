"""Waiting for an operation, with its story on the screen. Ctrl-C leaves it running and says how to come back."""

from __future__ import annotations

import contextlib
import json
import sys
import time
from collections.abc import Iterator
from typing import Any

import click

from stoneware.client import Client
from stoneware.errors import StonewareError

POLL_S = 0.15


class OperationFailed(StonewareError):
    """The operation ended otherwise than hoped for."""


def follow(client: Client, operation: dict[str, Any], *, quiet: bool = False, log: bool = False) -> dict[str, Any]:
    """Shows an operation until it is over and returns it. Raises OperationFailed unless it succeeded.

    `log` shows what its programs print, too.
    """
    identity = operation["id"]
    try:
        record = _watch(client, identity, quiet=quiet, log=log)
    except KeyboardInterrupt:
        click.echo(f"\n{identity} goes on without you:", err=True)
        click.echo("  `stoneware status --watch` looks again, `stoneware abort` turns it back", err=True)
        sys.exit(1)
    if record["result"] != "SUCCEEDED":
        hint = f"`stoneware history {identity}` tells the story"
        raise OperationFailed(f"{identity} {record['result']}: {record['because']}", hint)
    return record


def follow_back(client: Client, operation: dict[str, Any], *, quiet: bool = False) -> dict[str, Any]:
    """The same for an operation that was told to turn back: REVERTED is what was hoped for."""
    record = _watch(client, operation["id"], quiet=quiet, log=False)
    if record["result"] not in ("REVERTED", "FAILED"):
        raise OperationFailed(f"{record['id']} {record['result']}: {record['because']}")
    return record


def _watch(client: Client, identity: str, *, quiet: bool, log: bool) -> dict[str, Any]:
    seen, offset = 0, 0
    with _status(quiet) as show:
        while True:
            record: dict[str, Any] = client.get(f"/v1/operations/{identity}")
            if not quiet:
                if log:
                    text, offset = client.text(f"/v1/operations/{identity}/log", offset=offset)
                    for line in text.splitlines():
                        click.echo(f"    {line}")
                for line in client.get(f"/v1/operations/{identity}/journal", after=seen):
                    seen = line["seq"]
                    click.echo(f"{line['at'] - record['created_at']:7.1f}s  {line['state'].lower():<14} {line['text']}")
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


def watch_json(client: Client, operation: str) -> None:
    """An operation's events as JSON lines, until it is over."""
    for name, data in client.events(operation):
        click.echo(json.dumps({"event": name, "data": json.loads(data)}))
