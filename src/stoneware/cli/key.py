"""`stoneware key`."""

from __future__ import annotations

import re
from pathlib import Path

import click

from stoneware.cli import options, output
from stoneware.errors import BadInput

PART = re.compile(r"[0-9a-f]{8,64}")
"""A key's id, or the beginning of one."""


@click.group()
def key() -> None:
    """Keys: what this installation signs with, and whose signatures count.

    \b
    Example:
      stoneware key show > ours.pub
    """


@key.command()
@options.as_json
def show(json_: bool) -> None:
    """Show this installation's public key, with its id above it.

    \b
    Example:
      stoneware key show > ours.pub
    """
    found = options.client().get("/v1/key")
    output.show_json(found) if json_ else output.say(f"{found['id']}\n{found['pem'].rstrip()}")


@key.command("list")
@options.as_json
def list_keys(json_: bool) -> None:
    """List the keys whose signatures count here.

    \b
    Example:
      stoneware key list
    """
    found = options.client().get("/v1/keys")
    if json_:
        output.show_json(found)
        return
    output.table(("key", "whose"), [(one["id"], "ours" if one["own"] else "trusted") for one in found])


@key.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@options.reason
@options.as_json
def trust(file: Path, reason: str, json_: bool) -> None:
    """Believe another installation's signatures: FILE is what `key show` printed there.

    \b
    Example:
      stoneware key trust theirs.pub --reason "images from staging"
    """
    found = options.client().post("/v1/keys", {"pem": file.read_text(errors="replace"), "reason": reason})
    output.show_json(found) if json_ else output.say(f"signatures by {found['id']} count here")


@key.command()
@click.argument("id", shell_complete=options.completes("/v1/keys", "id"))
@options.reason
@options.as_json
def distrust(id: str, reason: str, json_: bool) -> None:
    """Believe a key no more. What was taken in under it stays. Eight digits of its ID or more will do.

    \b
    Example:
      stoneware key distrust 3f9a52c01b77d8e4 --reason "its host was broken into"
    """
    if not PART.fullmatch(id):
        hint = (
            "give its first 8 digits or more (0-9, a-f), as `stoneware key list` and `stoneware image verify` show them"
        )
        raise BadInput(f"{id!r} is no id of a key", next_step=hint)
    options.client().delete(f"/v1/keys/{id}", reason=reason)
    output.show_json({"distrusted": id}) if json_ else output.say(f"signatures by {id} count here no more")
