"""`stoneware image verify|sbom|diff` and `stoneware deployment diff`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from stoneware.cli import options, output, watching
from stoneware.model.quantity import counted

MOST_FILES = 40

SIDES = options.either(options.completes("/v1/environments"), options.completes("/v1/deployments"))


@click.command()
@options.image_ref
@click.option("--rebuild", is_flag=True, help="Bake its recipe again from cold, and compare byte by byte.")
@options.file
@options.as_json
def verify(image_ref: str, rebuild: bool, file_: Path, json_: bool) -> None:
    """Prove an image: files, hash trees, tree, container, signatures, boot test. Names the first thing that is wrong.

    \b
    Example:
      stoneware image verify critter-web/2 --rebuild
    """
    client = options.client()
    found = client.post(f"/v1/images/{image_ref}/verify", {}, limit_s=None)
    if not json_:
        for line in found["held"]:
            output.say(f"holds: {line}")
    operation = None
    if rebuild:
        from stoneware.spec.load import load

        body = options.declared(load(file_))
        operation = client.post(f"/v1/images/{image_ref}/rebuild", body, options.new_key())
        operation = watching.follow(client, operation, quiet=json_, programs="tail")
        if not json_:
            output.say(operation["because"])
    if json_:
        output.show_json({**found, "rebuild": operation})
    else:
        output.say(f"{found['image']} is what it says")


@click.command()
@options.image_ref
@options.as_json
def sbom(image_ref: str, json_: bool) -> None:  # noqa: ARG001 - it prints JSON in any case
    """Print the bill of materials of an image: CycloneDX 1.5, as JSON with `--json` and without.

    \b
    Example:
      stoneware image sbom critter-web/2 > sbom.json
    """
    output.show_json(options.client().get(f"/v1/images/{image_ref}/sbom"))


@click.command("diff")
@click.argument("before", shell_complete=options.completes("/v1/images", "image"))
@click.argument("after", shell_complete=options.completes("/v1/images", "image"))
@click.option("--all", "all_", is_flag=True, help=f"All files, not only the first {MOST_FILES}.")
@options.as_json
def diff_images(before: str, after: str, all_: bool, json_: bool) -> None:
    """Say what image AFTER has that BEFORE hasn't: packages, files, sizes.

    \b
    Example:
      stoneware image diff critter-web/1 critter-web/2
    """
    found = options.client().get("/v1/image-diff", before=before, after=after)
    if json_:
        output.show_json(found)
    else:
        _show(found, None if all_ else MOST_FILES)


def _show(found: dict[str, Any], most: int | None) -> None:
    if found["same_tree"]:
        output.say(f"{found['before']} and {found['after']} have the same tree")
    for line in found["facts"]:
        output.say(line)
    rows = [
        (how, f"{one['name']} ({one['type']})", one["before"], one["after"])
        for how in ("added", "removed", "upgraded", "downgraded", "changed")
        for one in found["packages"][how]
    ]
    output.table(("", "package", "before", "after"), rows, "no package differs")
    files = found["files"]
    shown = files if most is None else files[:most]
    output.table(
        ("", "file", "bytes"),
        [(one["how"], one["path"], f"{one['delta_bytes']:+d}") for one in shown],
        "no file differs",
    )
    if len(shown) < len(files):
        output.say(f"and {len(files) - len(shown)} more; `--all` shows them")
    output.say(
        f"{counted(len(files), 'file')} {'differs' if len(files) == 1 else 'differ'}, {found['delta_bytes']:+d} bytes"
    )


@click.group()
def deployment() -> None:
    """Deployments as environments.

    \b
    Example:
      stoneware deployment diff staging production
    """


@deployment.command("diff")
@click.argument("before", shell_complete=SIDES)
@click.argument("after", shell_complete=SIDES)
@options.as_json
def diff_deployments(before: str, after: str, json_: bool) -> None:
    """Say what differs between two environments or two deployments as they run, or between two releases (NAME#NUMBER).

    \b
    Example:
      stoneware deployment diff staging production
      stoneware deployment diff town-staging town-production
      stoneware deployment diff town#3 town#4
    """
    client = options.client()
    environments = {one["name"] for one in client.get("/v1/environments")}
    if before in environments and after in environments:
        each = client.get("/v1/environment-diff", before=before, after=after)
        if json_:
            output.show_json(each)
        for found in () if json_ else each:
            show_difference(found)
        return
    found = client.get("/v1/deployment-diff", before=before, after=after)
    output.show_json(found) if json_ else show_difference(found)


def show_difference(found: dict[str, Any]) -> None:
    """Two releases side by side."""
    output.say(f"{found['before']} -> {found['after']}")
    if not found["settings"] and not found["groups"]:
        output.say("no difference")
    for line in found["settings"]:
        output.say(line)
    for group in found["groups"]:
        if group["only"]:
            output.say(f"group {group['group']} is only in {group['only']}")
            continue
        for line in group["why"]:
            output.say(f"group {group['group']}: {line}")
        if group["image"]:
            _show(group["image"], MOST_FILES)
