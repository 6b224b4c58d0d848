"""`stoneware base`."""

from __future__ import annotations

import click

from stoneware.cli import options, output, watching


@click.group()
def base() -> None:
    """Bases: what recipes start from, made by Stoneware itself.

    \b
    Example:
      stoneware base refresh --reason "security updates"
    """


@base.command("list")
@options.as_json
def list_bases(json_: bool) -> None:
    """List bases, with the images that are outdated: made from an older one.

    \b
    Example:
      stoneware base list
    """
    found = options.client().get("/v1/bases")
    if json_:
        output.show_json(found)
        return
    rows = []
    for one in found:
        made = one["made"]
        told = (
            (made["digest"][:19], output.since(made["made_at"]), len(made["packages"]))
            if made
            else ("not made yet", "", "")
        )
        rows.append((one["name"], *told, len(one["current"]), ", ".join(one["outdated"]) or "none"))
    output.table(("base", "digest", "age", "packages", "images", "outdated"), rows)


@base.command()
@options.as_json
def packages(json_: bool) -> None:
    """List the packages that the base consists of, each at its version.

    \b
    Example:
      stoneware base packages
    """
    found = options.client().get("/v1/bases")[0]["made"]
    pinned = found["packages"] if found else []
    if json_:
        output.show_json(pinned)
        return
    output.table(("package", "version", "arch"), [(p["name"], p["version"], p["arch"]) for p in pinned], "not made yet")


def _make(reason: str, no_wait: bool, json_: bool) -> None:
    client = options.client()
    operation = client.post("/v1/bases/refresh", {"reason": reason}, options.new_key())
    if not no_wait:
        operation = watching.follow(client, operation, quiet=json_, programs="tail")
    if json_:
        output.show_json(operation)
    else:
        output.say(operation["because"] if not no_wait else f"{operation['id']} is under way")


@base.command()
@options.reason
@options.no_wait
@options.as_json
def build(reason: str, no_wait: bool, json_: bool) -> None:
    """Make the base, if there is none yet. Bakes do it by themselves when they need it.

    \b
    Example:
      stoneware base build
    """
    found = options.client().get("/v1/bases")
    if found[0]["made"]:
        output.show_json(found) if json_ else output.say("it is there; `stoneware base refresh` makes it anew")
        return
    _make(reason, no_wait, json_)


@base.command()
@options.reason
@options.no_wait
@options.as_json
def refresh(reason: str, no_wait: bool, json_: bool) -> None:
    """Make the base anew, from the packages of today. Images made from the one before are outdated; bake them again.

    \b
    Example:
      stoneware base refresh --reason "security updates"
    """
    _make(reason, no_wait, json_)
