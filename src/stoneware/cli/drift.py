"""`stoneware drift`."""

from __future__ import annotations

import time
from typing import Any

import click

from stoneware.cli import options, output
from stoneware.client import Client

DRIFTED = 4
NOT_COMPARED = 1
WATCH_S = 2.0
MARKS = {"critical": "!!", "warning": "! ", "info": "- "}


@click.command()
@options.deployment
@click.option("--watch", is_flag=True, help="Stay, and say what begins and what ends.")
@click.option("--last", is_flag=True, help="Show what the last look found, without another one.")
@click.option("--ignored", is_flag=True, help="Show also what is ignored.")
@options.as_json
def drift(deployment: str | None, watch: bool, last: bool, ignored: bool, json_: bool) -> None:
    """Look whether what is differs from what is declared: machines, disks, routes, files, the inside of machines, policies.

    Looks now, and once more a little later where something differs. Exit code 0: no drift, 4: there is some (also for --watch,
    when there was some), 1: none is known, and a deployment, or a part of it, could not be compared, for its engine, its proxy or a
    machine doesn't answer. What is ignored doesn't count.

    \b
    Example:
      stoneware drift critter-junction
      stoneware drift --last --json
    """
    client = options.client()
    if watch:
        _watch(client, deployment, json_)
        return
    reports = _reports(client, deployment, look=not last)
    if json_:
        output.show_json(reports)
    else:
        for report in reports:
            _show(report, ignored)
        if not reports:
            output.say("no deployments; `stoneware deploy` makes one")
    if any(_counting(report) for report in reports):
        raise click.exceptions.Exit(DRIFTED)
    if any(not (_compared(report) and report["whole"]) for report in reports):
        raise click.exceptions.Exit(NOT_COMPARED)


def _compared(report: dict[str, Any]) -> bool:
    """Whether a look took place. Where an engine was away, there is a note instead, and a look that took no time; what is no
    deployment's, or has no release, has nothing to be compared with."""
    if report["release"] is None:
        return True
    return report["checked_at"] is not None and (report["seconds"] > 0 or not report["notes"])


def _reports(client: Client, deployment: str | None, *, look: bool) -> list[dict[str, Any]]:
    """Of one deployment, or of all and of machines that no deployment has."""
    if deployment:
        path = f"/v1/deployments/{deployment}/drift"
        return [client.post(path, {}, limit_s=None) if look else client.get(path)]
    known = [one["name"] for one in client.get("/v1/deployments")]
    if not look:
        return list(client.get("/v1/drift"))
    found = [client.post(f"/v1/deployments/{name}/drift", {}, limit_s=None) for name in known]
    return [*found, *(one for one in client.get("/v1/drift") if one["deployment"] not in known)]


def _counting(report: dict[str, Any]) -> list[dict[str, Any]]:
    return [one for one in report["drifts"] if one["policy"] != "ignore"]


def _show(report: dict[str, Any], ignored: bool) -> None:
    name, counting = report["deployment"], _counting(report)
    release = f"release {report['release']}" if report["release"] else "what is declared: no release is current"
    looked = f"looked {output.since(report['checked_at'])} ago" if report["checked_at"] else "not looked at yet"
    few = "1 difference" if len(counting) == 1 else f"{len(counting) or 'no'} differences"
    if _compared(report):
        part = " in what could be compared" if report["notes"] else ""
        output.say(f"{name}: {few} from {release}{part} ({report['machines']} machines answered, {looked})")
    else:
        known = f"; {few} known from before" if counting else ""
        output.say(f"{name}: NOT COMPARED with {release}{known} ({looked})")
    for one in report["drifts"] if ignored else counting:
        _show_one(one)
    hidden = len(report["drifts"]) - len(counting)
    if hidden and not ignored:
        output.say(f"  {hidden} more ignored (`stoneware drift --ignored` shows them)")
    for machine in report["quarantined"]:
        output.say(f"  {machine} is kept for inspection; `stoneware machine release {machine}` lets it go")
    for note in report["notes"]:
        output.say(f"  ({note})")


def _show_one(one: dict[str, Any]) -> None:
    place = f" {one['where']}" if one["where"] else ""
    output.say(f"  {MARKS[one['severity']]} {one['kind']} {one['subject']}{place}, for {output.since(one['since'])}")
    output.say(f"       expected: {one['expected']}")
    output.say(f"       found:    {one['found']}")
    if one["ignored"]:
        output.say(f"       ignored {one['ignored']}")
        return
    if one["lapsed"]:
        output.say(f"       {one['lapsed']}")
    itself = {"replace": " (Stoneware does it)", "quarantine": " (Stoneware does it, and keeps the machine)"}
    output.say(f"       remedy:   {one['remedy']}{itself.get(one['policy'], '')}")


def _watch(client: Client, deployment: str | None, json_: bool) -> None:
    """Until it is interrupted: each difference once when it begins, once when it is over. With JSON, a line each."""
    known: dict[tuple[Any, ...], dict[str, Any]] = {}
    met = False
    try:
        while True:
            seen = {
                (one["deployment"], one["kind"], one["subject"], one["where"], one["made_at"]): one
                for report in _reports(client, deployment, look=False)
                for one in _counting(report)
            }
            for key in [*(key for key in seen if key not in known), *(key for key in known if key not in seen)]:
                _tell(seen.get(key) or known[key], "begin" if key in seen else "end", json_)
            known, met = seen, met or bool(seen)
            time.sleep(WATCH_S)
    except KeyboardInterrupt:
        raise click.exceptions.Exit(DRIFTED if met else 0) from None


def _tell(one: dict[str, Any], event: str, json_: bool) -> None:
    if json_:
        output.show_json_line({"event": event, "drift": one})
    elif event == "begin":
        _show_one(one)
    else:
        output.say(f"  ok {one['kind']} {one['subject']} {one['where']}".rstrip() + " is over")
