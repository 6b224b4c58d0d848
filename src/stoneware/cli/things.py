"""`stoneware machine`."""

from __future__ import annotations

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
            m["tainted"],
        )
        for m in found
    ]
    output.table(("machine", "power", "phase", "image", "address", "age", "tainted"), rows, "no machines")


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
        ("tainted", found["tainted"] or "no"),
    ]
    output.table(("", ""), rows)


@machine.command()
@machine_name
@options.reason
@options.as_json
def release(name: str, reason: str, json_: bool) -> None:
    """Let a machine go that was kept for inspection: it is deleted soon.

    \b
    Example:
      stoneware machine release critter-junction-web-r3-0 --reason "seen enough"
    """
    found = options.client().delete(f"/v1/quarantine/{name}", reason=reason)
    output.show_json(found) if json_ else output.say(f"{name} is let go; housekeeping deletes it")


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
