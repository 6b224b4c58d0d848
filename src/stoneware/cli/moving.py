"""`stoneware image export` and `stoneware image import`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from stoneware.cli import options, output, watching
from stoneware.errors import BadInput

LAYOUT = "oci:"
"""What stands before a folder with an OCI layout, as other tools write it."""


@click.command()
@click.argument("image_ref", metavar="IMAGE", shell_complete=options.completes("/v1/images", "image"))
@click.option("--to", required=True, metavar="FILE|oci:DIR", help="Where to; on the daemon's host.")
@click.option(
    "--as", "as_", type=click.Choice(["image", "disk"]), default="image", help="A disk boots without Stoneware."
)
@click.option("--compress", type=click.Choice(["gce"]), help="The disk as Compute Engine imports it.")
@click.option("--force", is_flag=True, help="Replace what is there.")
@options.reason
@options.no_wait
@options.as_json
def export(
    image_ref: str, to: str, as_: str, compress: str | None, force: bool, reason: str, no_wait: bool, json_: bool
) -> None:
    """Write IMAGE to one file, to a folder that tools for OCI artifacts read, or as a bootable disk.

    \b
    Example:
      stoneware image export critter-web/2 --to critter-web-2.stoneware
      stoneware image export critter-web/2 --to oci:critter-web-2
      stoneware image export critter-web/2 --as disk --compress gce --to critter-web-2.tar.gz
    """
    layout = to.startswith(LAYOUT)
    if as_ == "disk" and layout:
        raise BadInput("a disk is one file", next_step="name a file, without `oci:`")
    if compress and as_ != "disk":
        raise BadInput("only a disk is compressed for Compute Engine", next_step="say `--as disk`, too")
    form = "layout" if layout else (compress or "disk") if as_ == "disk" else "archive"
    body = {"image": image_ref, "to": _absolute(to), "form": form, "force": force, "reason": reason}
    _follow("/v1/exports", body, no_wait, json_)


@click.command("import")
@click.argument("source", metavar="FILE|oci:DIR", type=click.Path())
@options.reason
@options.no_wait
@options.as_json
def import_(source: str, reason: str, no_wait: bool, json_: bool) -> None:
    """Take in an image that was exported elsewhere. Every byte is compared first; it keeps its digest.

    \b
    Example:
      stoneware image import critter-web-2.stoneware
      stoneware image import oci:critter-web-2
    """
    _follow("/v1/imports", {"source": _absolute(source), "reason": reason}, no_wait, json_)


def _absolute(place: str) -> str:
    """The daemon stands in another folder."""
    return str(Path(place.removeprefix(LAYOUT)).absolute())


def _follow(path: str, body: dict[str, Any], no_wait: bool, json_: bool) -> None:
    client = options.client()
    operation = client.post(path, body, options.new_key())
    if not no_wait:
        operation = watching.follow(client, operation, quiet=json_, programs="tail")
    if json_:
        output.show_json(operation)
    elif no_wait:
        output.say(f"{operation['id']} is under way")
    else:
        output.say(operation["because"])
        for key in operation["frame"].get("signed_by", ()):
            output.say(f"signed by {key[:16]}")
