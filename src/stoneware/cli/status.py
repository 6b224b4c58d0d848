"""`stoneware status`, `history`, `release`."""

from __future__ import annotations

import time
from typing import Any

import click

from stoneware.cli import options, output, watching
from stoneware.cli.inspection import show_difference
from stoneware.cli.past import show_moment
from stoneware.cli.traffic_lines import traffic_lines
from stoneware.client import Client
from stoneware.decide.explain.words import ago
from stoneware.decide.way_back import words
from stoneware.model.route import RouteView
from stoneware.model.way_back import WayBack


@click.command()
@options.deployment
@click.option("--watch", is_flag=True, help="Follow what is under way to its end.")
@options.as_json
def status(deployment: str | None, watch: bool, json_: bool) -> None:
    """What runs, who has the traffic, and what is under way.

    \b
    Example:
      stoneware status --watch
    """
    client = options.client()
    found = [client.get(f"/v1/deployments/{deployment}")] if deployment else client.get("/v1/deployments")
    active = [one["operation"] for one in found if one["operation"]]
    others = [] if deployment else _elsewhere(client, active)
    if json_ and watch and [*active, *others]:
        for operation in [*active, *others]:
            watching.watch_json(client, operation["id"])
        return
    if json_:
        output.show_json(found[0] if deployment else found)
        return
    if not found:
        output.say("no deployments; `stoneware deploy` makes one")
    for one in found:
        _show(one)
    for operation in others:
        output.say(_under_way(operation))
    for operation in [*active, *others] if watch else []:
        watching.follow(client, operation, programs="tail")


def _elsewhere(client: Client, known: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What is under way and belongs to no deployment: bakes."""
    ids = {operation["id"] for operation in known}
    return [one for one in client.get("/v1/operations", unfinished=True) if one["id"] not in ids]


def _under_way(operation: dict[str, Any]) -> str:
    paused = " PAUSED" if operation["paused"] else ""
    state = f"{operation['state']}{paused} for {output.since(operation['state_since'])}"
    return f"{operation['id']} of {operation['subject']} {state}: {operation['because'] or 'it has just begun'}"


def _show(one: dict[str, Any]) -> None:
    current = one["current"]
    images = ", ".join(f"{name} {group['image']}" for name, group in current["groups"].items()) if current else ""
    output.say(f"{one['name']}: " + (f"release {current['number']} ({images})" if current else "no current release"))
    active, last = one["operation"], one["last"]
    if active:
        output.say(f"  {_under_way(active)}")
    elif last:
        output.say(f"  last: {last['id']} {last['result']} {output.since(last['ended_at'])} ago: {last['because']}")
    if current:
        output.say(f"  way back: {_way_back(one['way_back'])}")
    for route in one["routes"]:
        for line in traffic_lines(RouteView.model_validate(route)):
            output.say(f"  {line}")
    rows = [
        (m["name"], m["power"], m["phase"], ", ".join(m["addresses"].values()), ", ".join(m["attached"]))
        for m in one["machines"]
    ]
    output.table(
        ("  machine", "power", "phase", "address", "disks"), [(f"  {r[0]}", *r[1:]) for r in rows], "  no machines"
    )
    for m in (m for m in one["machines"] if m["tainted"]):
        output.say(f"  ! {m['name']} is tainted: {m['tainted']}")
    for note in one["notes"]:
        output.say(f"  ! {note}")
    if one["drift"]:
        output.say(f"  drift: {_drift(one['drift'])}")


def _drift(report: dict[str, Any]) -> str:
    """A line: how many differences there are, the worst of them, and when anybody looked."""
    counting = [drift for drift in report["drifts"] if drift["policy"] != "ignore"]
    looked = f"looked {output.since(report['checked_at'])} ago" if report["checked_at"] else "not looked yet"
    if not counting:
        return f"none ({looked})"
    worst, more = counting[0], f" and {len(counting) - 1} more" if len(counting) > 1 else ""
    return f"{worst['kind']} {worst['subject']}{more} ({looked}); `stoneware drift` tells all"


def _way_back(known: dict[str, Any]) -> str:
    told = WayBack.model_validate(known)
    return words(told, ago(time.time() - (told.at or 0.0)))


@click.command()
@click.argument(
    "operation",
    metavar="[OPERATION|DEPLOYMENT]",
    required=False,
    shell_complete=options.either(options.completes("/v1/operations", "id"), options.completes("/v1/deployments")),
)
@options.how_many(20, "How many operations.")
@click.option("--watch", is_flag=True, help="Follow OPERATION (default: the newest one) to its end.")
@options.moment(
    "--at", text="How everything was then, or the DEPLOYMENT that is named: 09:30, 2026-11-24 09:30, '15m ago'."
)
@options.as_json
def history(operation: str | None, limit: int, watch: bool, at: float | None, json_: bool) -> None:
    """What was done; with OPERATION (such as rollout-3), its whole story; with --at, how everything was at a time of the past.

    \b
    Example:
      stoneware history rollout-3
      stoneware history --at "15m ago"
      stoneware history --at "2026-11-24 09:30" critter-junction
    """
    if at is not None:
        show_moment(at, operation, json_)
        return
    client = options.client()
    if watch:
        _follow(client, operation, json_)
        return
    if operation is None:
        found = client.get("/v1/operations", limit=limit)
        if json_:
            output.show_json(found)
            return
        rows = [
            (
                o["id"],
                o["subject"],
                o["result"] or o["state"],
                output.since(o["created_at"]),
                o["actor"],
                o["reason"],
                o["because"],
            )
            for o in found
        ]
        output.table(("operation", "of", "state", "age", "by", "reason", "because"), rows, "nothing has been done yet")
        return
    record = client.get(f"/v1/operations/{operation}")
    lines = client.get(f"/v1/operations/{operation}/journal")
    if json_:
        output.show_json({"operation": record, "journal": lines})
        return
    output.say(f"{record['id']} of {record['subject']} by {record['actor']} {record['reason']}".rstrip())
    for line in lines:
        output.say(f"{line['at'] - record['created_at']:7.1f}s  {line['state'].lower():<14} {line['text']}")
    if record["result"] is None:
        output.say(f"         {record['state'].lower():<14} {record['because']}")


def _follow(client: Client, operation: str | None, json_: bool) -> None:
    newest = client.get("/v1/operations", limit=1) if operation is None else [{"id": operation}]
    if not newest:
        output.show_json([]) if json_ else output.say("nothing has been done yet")
    elif json_:
        watching.watch_json(client, newest[0]["id"])
    else:
        watching.follow(client, newest[0], programs="tail")


@click.group()
def release() -> None:
    """Releases: the numbered manifests of a deployment.

    \b
    Example:
      stoneware release list critter-junction
    """


@release.command("list")
@options.deployment
@options.as_json
def list_releases(deployment: str | None, json_: bool) -> None:
    """List the retained releases.

    \b
    Example:
      stoneware release list critter-junction
    """
    from pathlib import Path

    client = options.client()
    name = options.pick_deployment(deployment, Path())
    found = client.get(f"/v1/deployments/{name}/releases")
    if json_:
        output.show_json(found)
        return
    current = client.get(f"/v1/deployments/{name}")["current"] if found else None
    number = current["number"] if current else None
    rows = [
        (
            f"{r['number']}{' *' if r['number'] == number else ''}",
            r["state"],
            ", ".join(f"{name} {g['image']}" for name, g in r["groups"].items()),
            output.since(r["created_at"]),
            r["actor"],
            r["reason"],
        )
        for r in found
    ]
    output.table(("release", "state", "images", "age", "by", "reason"), rows, "no releases")


@release.command("show")
@click.argument("deployment", shell_complete=options.completes("/v1/deployments"))
@click.argument("number", type=int, shell_complete=options.completes_release)
@options.as_json
def show_release(deployment: str, number: int, json_: bool) -> None:
    """Show one release: its pinned images, and all that was declared. Also one that is no longer retained.

    \b
    Example:
      stoneware release show critter-junction 3
    """
    found = options.client().get(f"/v1/deployments/{deployment}/releases/{number}")
    if json_:
        output.show_json(found)
        return
    output.say(f"{deployment} release {number} {found['state']}, by {found['actor']} {found['reason']}".rstrip())
    if found["altered"]:
        others = ", ".join(found["altered"])
        output.say(f"  ! as it is on record: somebody edited its row in the database, which says otherwise of {others}")
    rows = []
    for name, group in found["groups"].items():
        spec = group["spec"]
        rows += [(name, "image", f"{group['image']} {group['digest']}"), ("", "machines", spec["size"])]
        rows += [("", f"config {key}", value) for key, value in spec["config"].items()]
        rows += [("", f"secret {key}", reference) for key, reference in group["secrets"].items()]
        rows += [("", f"disk {disk}", f"{one['size']} at {one['mount']}") for disk, one in spec["disks"].items()]
    rows += [
        (name, "service", f"{s['listen']} -> {s['group']}:{s['port']}") for name, s in found["spec"]["services"].items()
    ]
    output.table(("of", "what", "is"), rows)


@release.command("diff")
@click.argument("deployment", shell_complete=options.completes("/v1/deployments"))
@click.argument("before", type=click.IntRange(1), shell_complete=options.completes_release)
@click.argument("after", type=click.IntRange(1), shell_complete=options.completes_release)
@options.as_json
def diff_releases(deployment: str, before: int, after: int, json_: bool) -> None:
    """Say what release AFTER has that BEFORE hasn't: images down to packages, configuration, sizes, services.

    \b
    Example:
      stoneware release diff critter-junction 3 4
    """
    names = {"before": f"{deployment}#{before}", "after": f"{deployment}#{after}"}
    found = options.client().get("/v1/deployment-diff", **names)
    output.show_json(found) if json_ else show_difference(found)
