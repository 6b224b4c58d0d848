"""`stoneware disk`: data that outlives machines, and its snapshots."""

from __future__ import annotations

from typing import Any

import click

from stoneware.cli import options, output, watching

disk_name = click.argument("name", metavar="DISK", shell_complete=options.completes("/v1/disks"))
snapshot_name = click.argument("snapshot", metavar="SNAPSHOT", shell_complete=options.completes("/v1/snapshots"))


@click.group()
def disk() -> None:
    """Disks: data that outlives machines; and snapshots of them.

    \b
    Example:
      stoneware disk list
    """


@disk.command("list")
@options.deployment
@options.as_json
def list_disks(deployment: str | None, json_: bool) -> None:
    """List disks, who writes to them, and the schema of their data.

    \b
    Example:
      stoneware disk list critter-junction
    """
    found = options.client().get("/v1/disks", owner=deployment)
    if json_:
        output.show_json(found)
        return
    rows = [
        (
            d["name"],
            output.size(d["size_bytes"]),
            d["writer"] or "nobody",
            d["data_schema"] or "-",
            output.since(d["created_at"]),
        )
        for d in found
    ]
    output.table(("disk", "size", "writer", "schema", "age"), rows, "no disks")


@disk.command("snapshots")
@options.deployment
@click.option("--disk", "of", metavar="DISK", help="Only of this disk.", shell_complete=options.completes("/v1/disks"))
@options.as_json
def list_snapshots(deployment: str | None, of: str | None, json_: bool) -> None:
    """List snapshots: of which disk, what schema the data has, why they were taken.

    \b
    Example:
      stoneware disk snapshots critter-junction
      stoneware disk snapshots --disk critter-junction-web-worlds-0
    """
    found = options.client().get("/v1/snapshots", owner=deployment, disk=of)
    if json_:
        output.show_json(found)
        return
    rows = [
        (
            s["name"],
            s["disk"],
            output.size(s["stored_bytes"]),
            s["data_schema"] or "-",
            output.since(s["created_at"]),
            s["why"],
        )
        for s in found
    ]
    output.table(("snapshot", "disk", "stored", "schema", "age", "why"), rows, "no snapshots")


@disk.command("snapshot")
@disk_name
@click.option("--name", "called", metavar="SNAPSHOT", help="What to call it (default: the disk's name and the time).")
@options.reason
@options.no_wait
@options.as_json
def take_snapshot(name: str, called: str | None, reason: str, no_wait: bool, json_: bool) -> None:
    """Keep what DISK holds now, while its machine goes on. It stays until someone deletes it.

    \b
    Example:
      stoneware disk snapshot critter-junction-web-worlds-0 --reason "before the import"
    """
    _follow(f"/v1/disks/{name}/snapshots", {"name": called, "reason": reason}, no_wait, json_)


@disk.command("restore")
@disk_name
@snapshot_name
@click.option("--no-keep", is_flag=True, help="Don't keep what the disk holds now in a snapshot first.")
@click.option("--other-disk", is_flag=True, help="The snapshot is of another disk, and meant for this one.")
@options.reason
@options.yes
@options.no_wait
@options.as_json
def restore_disk(
    name: str, snapshot: str, no_keep: bool, other_disk: bool, reason: str, yes: bool, no_wait: bool, json_: bool
) -> None:
    """Make DISK hold what SNAPSHOT does. Its machine's application stops for as long as that takes.

    \b
    Example:
      stoneware disk restore critter-junction-web-worlds-0 before-import --reason "the import was wrong"
    """
    kept = "is lost" if no_keep else "is kept in a snapshot"
    options.agree(f"put {snapshot} back on disk {name}? What it holds now {kept}.", yes, json_)
    body = {"snapshot": snapshot, "keep": not no_keep, "other_disk": other_disk, "reason": reason}
    _follow(f"/v1/disks/{name}/restores", body, no_wait, json_)


@disk.command("clone")
@click.argument("source", metavar="DISK|SNAPSHOT", shell_complete=options.completes("/v1/snapshots"))
@click.argument("name", metavar="NEW")
@click.option("--for", "owner", metavar="DEPLOYMENT", help="Whose it is (default: the same as of the source).")
@options.reason
@options.no_wait
@options.as_json
def clone_disk(source: str, name: str, owner: str | None, reason: str, no_wait: bool, json_: bool) -> None:
    """Make a disk NEW with the content of a snapshot, or of a disk as it is now.

    A deployment uses a disk that has the name which it would give: DEPLOYMENT-GROUP-DISK-PLACE.

    \b
    Example:
      stoneware disk clone critter-junction-web-worlds-0 staging-web-worlds-0 --for staging
    """
    body = {"source": source, "name": name, "owner": owner, "reason": reason}
    _follow("/v1/clones", body, no_wait, json_)


@disk.command("delete")
@disk_name
@options.reason
@options.yes
@options.as_json
def delete_disk(name: str, reason: str, yes: bool, json_: bool) -> None:
    """Delete a disk and its data. Its snapshots stay.

    \b
    Example:
      stoneware disk delete critter-junction-web-worlds-0 --reason "moved"
    """
    options.agree(f"delete disk {name} and everything on it for good?", yes, json_)
    options.client().delete(f"/v1/disks/{name}", reason=reason)
    output.show_json({"deleted": name}) if json_ else output.say(f"disk {name} is deleted")


@disk.command("delete-snapshot")
@snapshot_name
@options.reason
@options.yes
@options.as_json
def delete_snapshot(snapshot: str, reason: str, yes: bool, json_: bool) -> None:
    """Delete a snapshot. Those that a rollout took go by themselves, with the release that they belong to.

    \b
    Example:
      stoneware disk delete-snapshot before-import --reason "no longer needed"
    """
    options.agree(f"delete snapshot {snapshot} for good?", yes, json_)
    options.client().delete(f"/v1/snapshots/{snapshot}", reason=reason)
    output.show_json({"deleted": snapshot}) if json_ else output.say(f"snapshot {snapshot} is deleted")


def _follow(path: str, body: dict[str, Any], no_wait: bool, json_: bool) -> None:
    client = options.client()
    operation = client.post(path, body, options.new_key())
    if not no_wait:
        operation = watching.follow(client, operation, quiet=json_, programs="tail")
    if json_:
        output.show_json(operation)
    else:
        output.say(operation["because"] if not no_wait else f"{operation['id']} is under way")
