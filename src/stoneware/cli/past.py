"""`stoneware history --at` and `stoneware blame`: the past, from the ledger."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import click

from stoneware.cli import options, output


def show_moment(at: float, deployment: str | None, json_: bool) -> None:
    """How everything was, or one deployment."""
    found = options.client().get("/v1/history", at=at, deployment=deployment)
    if json_:
        output.show_json(found)
        return
    version = f"Stoneware {found['daemon']['version']} ran" if "version" in found["daemon"] else "no daemon ran"
    output.say(f"at {_when(found['at'])}, after entry {found['seq']} of the ledger; {version}")
    for note in found["notes"]:
        output.say(f"({note})")
    names = {one["image"]["digest"]: output.image_name(one["image"]) for one in found["images"]}
    for one in found["deployments"]:
        _show(one, names)
    for line in _data(found):
        output.say(line)
    rows = [
        (
            output.image_name(one["image"]),
            one["effective"]["state"],
            one["image"]["digest"][:19],
            one["effective"]["reason"],
        )
        for one in found["images"]
    ]
    output.table(("image", "state", "digest", "reason"), rows, "no images")


def _show(one: dict[str, Any], names: dict[str, str]) -> None:
    release, operation = one["release"], one["operation"]
    output.say(f"{one['name']}: " + (f"release {release['number']}" if release else "no current release"))
    if operation:
        output.say(f"  {operation['id']} {operation['state']} by {operation['actor']} {operation['reason']}".rstrip())
    for name, group in (release["groups"] if release else {}).items():
        config = ", ".join(f"{key}={value}" for key, value in group["spec"]["config"].items())
        output.say(
            f"  group {name}: {group['spec']['size']} of {group['image']}" + (f", config {config}" if config else "")
        )
    for route in one["routes"]:
        shares = "".join(f", {share} % to release {number}" for number, share in route["shares"].items())
        mixed = f", taking turns with release {route['mixed']}" if route["mixed"] else ""
        held = ", requests were held" if route["held"] else ""
        away = f", nothing new for {', '.join(route['kept_away'])}" if route["kept_away"] else ""
        output.say(f"  {route['service']}: release {route['release']}{shares}{mixed}{held}{away}")
    rows = [
        (f"  {m['name']}", m["power"], names.get(m["digest"], m["digest"][:19]), m["operation"], _when(m["created_at"]))
        for m in one["machines"]
    ]
    output.table(("  machine", "power", "image", "made by", "made at"), rows, "  no machines")
    for line in _data(one):
        output.say(f"  {line}")


def _data(one: dict[str, Any]) -> Iterator[str]:
    """A line for each disk, and for each snapshot."""
    for disk in one["disks"]:
        schema = f", schema {disk['data_schema']}" if disk["data_schema"] else ""
        yield f"disk {disk['name']}: {disk['writer'] or 'free'}, {output.size(disk['size_bytes'])}{schema}"
    for snapshot in one["snapshots"]:
        yield f"snapshot {snapshot['name']} of disk {snapshot['disk']}, made at {_when(snapshot['created_at'])}"


@click.command()
@click.argument("machine", shell_complete=options.completes("/v1/machines"))
@options.as_json
def blame(machine: str, json_: bool) -> None:
    """Tell how a machine came to be: release, operation, image, commit, who asked, and why. Also of one that is gone.

    \b
    Example:
      stoneware blame critter-junction-web-r3-0
    """
    found = options.client().get(f"/v1/machines/{machine}/origin")
    if json_:
        output.show_json(found)
        return
    output.table(
        ("", ""),
        [
            ("machine", found["machine"] + ("" if found["exists"] else " (gone)")),
            ("release", f"{found['deployment']}#{found['release']}"),
            ("operation", found["operation"]),
            ("image", f"{found['image']} {found['digest']}".strip()),
            ("commit", found["commit"] or "none is known"),
            ("asked by", found["asked_by"]),
            ("why", found["why"] or "no reason was given"),
        ],
    )
    entries = sorted([*found["made"], *found["events"]], key=lambda one: one["seq"])
    rows = [
        (e["seq"], _when(e["at"]), e["fact"]["verb"], e["fact"]["subject"], e["fact"]["actor"], e["fact"]["reason"])
        for e in entries
    ]
    output.table(("", "at", "what", "of", "by", "reason"), rows)


def _when(at: float) -> str:
    return time.strftime("%F %T", time.localtime(at))
