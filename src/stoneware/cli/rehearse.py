"""`stoneware rehearse`: proves a way that nobody wants to go for the first time in an emergency."""

from __future__ import annotations

from pathlib import Path

import click

from stoneware.cli import options, output, watching


@click.group()
def rehearse() -> None:
    """Rehearsals: what might have to be done, tried beside what serves.

    \b
    Example:
      stoneware rehearse rollback critter-junction
    """


@rehearse.command("rollback")
@options.deployment
@options.file
@options.reason
@options.no_wait
@options.as_json
def rehearse_rollback(deployment: str | None, file_: Path, reason: str, no_wait: bool, json_: bool) -> None:
    """Start what a rollback would start, beside what serves: on copies of the disks, cut off, without traffic. It must
    become healthy, and is taken away then. `stoneware status` says when that was, and how long it took.

    Nothing that serves is touched. It needs room for those machines, and waits for its turn to boot.

    \b
    Example:
      stoneware rehearse rollback critter-junction
    """
    name, client = options.pick_deployment(deployment, file_), options.client()
    operation = client.post(f"/v1/deployments/{name}/rehearsals", {"reason": reason}, options.new_key())
    if not no_wait:
        operation = watching.follow(client, operation, quiet=json_)
    if json_:
        output.show_json(operation)
    else:
        output.say(f"{operation['id']} is under way" if no_wait else operation["because"])
