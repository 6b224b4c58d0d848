"""`stoneware machine`, `disk`, `ledger`."""

from __future__ import annotations

import time

import click

from stoneware.cli import options, output

machine_name = click.argument("name", shell_complete=options.completes("/v1/machines"))


@click.group()
def machine() -> None:
    """Machines: made from images, never changed.

    \b
    Example:
      stoneware machine list
    """


@machine.command("list")
@options.deployment
@options.as_json
def list_machines(deployment: str | None, json_: bool) -> None:
    """List machines.

    \b
    Example:
      stoneware machine list critter-junction
    """
    found = options.client().get("/v1/machines", owner=deployment)
    if json_:
        output.show_json(found)
        return
    rows = [
        (
            m["name"],
            m["power"],
            m["phase"],
            m["digest"][:19],
            ", ".join(m["addresses"].values()),
            output.since(m["created_at"]),
        )
        for m in found
    ]
    output.table(("machine", "power", "phase", "image", "address", "age"), rows, "no machines")


@machine.command("show")
@machine_name
@options.as_json
def show_machine(name: str, json_: bool) -> None:
    """Show one machine: what it runs, how far it is, its addresses and disks.

    \b
    Example:
      stoneware machine show critter-junction-web-r3-0
    """
    found = options.client().get(f"/v1/machines/{name}")
    if json_:
        output.show_json(found)
        return
    rows = [
        ("machine", found["name"]),
        ("of", f"{found['owner']}, group {found['group']}, place {found['index']}, made for release {found['fleet']}"),
        ("image", found["digest"]),
        ("power", found["power"]),
        ("phase", f"{found['phase']} {found['detail']}".strip()),
        ("failed units", ", ".join(found["failed_units"]) or "none"),
        ("addresses", ", ".join(f"{port} at {address}" for port, address in found["addresses"].items())),
        ("disks", ", ".join(found["attached"]) or "none"),
        ("shape", f"{found['cpus']} cpus, {output.size(found['memory_bytes'])} memory"),
        ("age", output.since(found["created_at"])),
    ]
    output.table(("", ""), rows)


@machine.command()
@machine_name
@click.option("--lines", default=50, show_default=True, help="How many lines from the end.")
@options.as_json
def console(name: str, lines: int, json_: bool) -> None:
    """Show the end of a machine's console.

    \b
    Example:
      stoneware machine console critter-junction-web-r3-0 --lines 100
    """
    text = options.client().text(f"/v1/machines/{name}/console", lines=lines)[0]
    output.show_json({"machine": name, "console": text.splitlines()}) if json_ else output.say(text)


@click.group()
def disk() -> None:
    """Disks: data that outlives machines.

    \b
    Example:
      stoneware disk list
    """


@disk.command("list")
@options.deployment
@options.as_json
def list_disks(deployment: str | None, json_: bool) -> None:
    """List disks, and who writes to them.

    \b
    Example:
      stoneware disk list critter-junction
    """
    found = options.client().get("/v1/disks", owner=deployment)
    if json_:
        output.show_json(found)
        return
    rows = [
        (d["name"], output.size(d["size_bytes"]), d["writer"] or "nobody", output.since(d["created_at"])) for d in found
    ]
    output.table(("disk", "size", "writer", "age"), rows, "no disks")


@disk.command("delete")
@click.argument("name", shell_complete=options.completes("/v1/disks"))
@options.reason
@options.yes
@options.as_json
def delete_disk(name: str, reason: str, yes: bool, json_: bool) -> None:
    """Delete a disk and its data.

    \b
    Example:
      stoneware disk delete critter-junction-web-worlds-0 --reason "moved"
    """
    options.agree(f"delete disk {name} and everything on it for good?", yes, json_)
    options.client().delete(f"/v1/disks/{name}", reason=reason)
    output.show_json({"deleted": name}) if json_ else output.say(f"disk {name} is deleted")


@click.group()
def ledger() -> None:
    """The ledger: what happened, in a chain that can be checked.

    \b
    Example:
      stoneware ledger verify
    """


@ledger.command("show")
@click.option("--subject", help="Only what concerns this, such as critter-web.")
@click.option("--after", default=0, help="Only entries after this number.")
@click.option("--limit", default=100, show_default=True, help="How many entries.")
@options.as_json
def show_ledger(subject: str | None, after: int, limit: int, json_: bool) -> None:
    """Show entries in order.

    \b
    Example:
      stoneware ledger show --subject critter-web
    """
    found = options.client().get("/v1/ledger", subject=subject, after=after, limit=limit)
    if json_:
        output.show_json(found)
        return
    rows = [
        (
            e["seq"],
            time.strftime("%F %T", time.localtime(e["at"])),
            e["fact"]["verb"],
            e["fact"]["subject"],
            e["fact"]["actor"],
            e["fact"]["reason"],
        )
        for e in found
    ]
    output.table(("", "at", "what", "of", "by", "reason"), rows, "the ledger is empty")


@ledger.command()
@options.as_json
def verify(json_: bool) -> None:
    """Check that no entry was changed, removed or put in between. Exit code 1 when one was.

    \b
    Example:
      stoneware ledger verify
    """
    found = options.client().get("/v1/ledger/verdict")
    if json_:
        output.show_json(found)
    else:
        output.say(found["problem"] or "the chain holds")
    if found["problem"]:
        raise click.exceptions.Exit(1)
