"""`stoneware plan`, `deploy`, `rollback`, `destroy`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from stoneware.cli import options, output, watching


@click.command()
@options.deployment
@options.file
@options.force
@options.as_json
def plan(deployment: str | None, file_: Path, force: tuple[str, ...], json_: bool) -> None:
    """Say exactly what `deploy` would change. Changes nothing.

    \b
    Example:
      stoneware plan critter-junction
    """
    from stoneware.spec.load import load

    loaded = load(file_)
    name = options.pick_deployment(deployment, file_)
    body = {**options.declared(loaded), "force": list(force)}
    found = options.client().post(f"/v1/deployments/{name}/plan", body)
    if json_:
        output.show_json(found)
    elif options.changes(found):
        output.show_plan(found)
    else:
        output.say(f"{name} is as declared; nothing to do")


@click.command()
@options.deployment
@options.file
@options.force
@options.reason
@options.yes
@options.no_wait
@options.as_json
def deploy(
    deployment: str | None, file_: Path, force: tuple[str, ...], reason: str, yes: bool, no_wait: bool, json_: bool
) -> None:
    """Make what is declared true: new machines, then the traffic, then the old ones go.

    In an environment whose images come by promotion, a deploy changes everything but images; `stoneware promote` brings those.

    \b
    Example:
      stoneware deploy critter-junction --yes --reason "version 2"
      stoneware deploy critter-junction-production --force origin --reason "a hole in its TLS library"
    """
    from stoneware.spec.load import load

    loaded = load(file_)
    name = options.pick_deployment(deployment, file_)
    client = options.client()
    wish = {**options.declared(loaded, reason), "force": list(force)}
    found = client.post(f"/v1/deployments/{name}/plan", wish)
    if not json_:
        output.show_plan(found)
    if not options.changes(found):
        output.show_json({"plan": found, "operation": None}) if json_ else output.say("nothing to do")
        return
    options.agree("go?", yes, json_)
    started = client.post(f"/v1/deployments/{name}/releases", {**wish, "seen": found}, options.new_key())
    _finish(started, no_wait, json_)


@click.command()
@options.deployment
@options.file
@click.option("--to", type=int, metavar="RELEASE", help="The release to go back to (default: the last good one).")
@click.option(
    "--restore-data", is_flag=True, help="Put back the snapshots that it can read, where it can't read the data."
)
@options.reason
@options.yes
@options.no_wait
@options.as_json
def rollback(
    deployment: str | None,
    file_: Path,
    to: int | None,
    restore_data: bool,
    reason: str,
    yes: bool,
    no_wait: bool,
    json_: bool,
) -> None:
    """Go back to the last good release. A rollout that is under way turns back.

    \b
    Example:
      stoneware rollback critter-junction --yes
      stoneware rollback critter-junction --to 3 --restore-data --reason "schema 2 was a mistake"
    """
    name = options.pick_deployment(deployment, file_)
    client = options.client()
    status = client.get(f"/v1/deployments/{name}")
    active = status["operation"]
    found, wish = None, {"to": to, "restore_data": restore_data}
    if active is None or active["frame"].get("source") == active["frame"].get("target"):  # a repair gives way
        found = client.post(f"/v1/deployments/{name}/rollback/plan", wish)
        if not json_:
            output.show_plan(found)
    elif not json_:
        output.say(f"{active['id']} is under way ({active['state'].lower()}); it would turn back")
    options.agree("go back?", yes, json_)
    started = client.post(
        f"/v1/deployments/{name}/rollback", {**wish, "reason": reason, "seen": found}, options.new_key()
    )
    if started["plan"] is None and not no_wait:
        ended = watching.follow_back(client, started["operation"], quiet=json_)
        output.show_json({"plan": None, "operation": ended}) if json_ else output.say(ended["because"])
        return
    _finish(started, no_wait, json_)


@click.command()
@options.deployment
@options.file
@options.reason
@options.yes
@options.as_json
def destroy(deployment: str | None, file_: Path, reason: str, yes: bool, json_: bool) -> None:
    """End a deployment: its services and machines go, its disks stay.

    \b
    Example:
      stoneware destroy critter-junction
    """
    name = options.pick_deployment(deployment, file_)
    client = options.client()
    status = client.get(f"/v1/deployments/{name}")
    if not json_:
        if status["operation"]:
            output.say(f"{status['operation']['id']} is under way ({status['operation']['state']}); it is given up")
        output.say(f"machines that go: {', '.join(m['name'] for m in status['machines']) or 'none'}")
        output.say(f"disks that stay: {', '.join(d['name'] for d in status['disks']) or 'none'}")
    options.agree(f"destroy {name}?", yes, json_)
    operation = client.delete(f"/v1/deployments/{name}", reason=reason)
    _finish({"plan": None, "operation": operation}, False, json_)


def _finish(started: dict[str, Any], no_wait: bool, json_: bool) -> None:
    operation = started["operation"]
    if operation is not None and not no_wait:
        operation = watching.follow(options.client(), operation, quiet=json_)
    if json_:
        output.show_json({**started, "operation": operation})
    elif operation is None:
        output.say("nothing to do")
    else:
        output.say(operation["because"] if not no_wait else f"{operation['id']} is under way")
