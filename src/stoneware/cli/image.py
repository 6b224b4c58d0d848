"""`stoneware image` and `stoneware family`: what there is. What changes images stands beside it."""

from __future__ import annotations

from typing import Any

import click

from stoneware.cli import moving, options, output
from stoneware.cli.image_prune import prune, why_kept
from stoneware.cli.image_states import STATES
from stoneware.cli.inspection import diff_images, sbom, verify
from stoneware.model.quantity import format_moment


@click.group()
def image() -> None:
    """Images: immutable, named FAMILY/N, identified by digest.

    \b
    Example:
      stoneware image deprecate critter-web/2 --reason "slow"
    """


image.add_command(moving.export)
image.add_command(moving.import_)


@image.command("list")
@click.argument("family", required=False, shell_complete=options.completes("/v1/families"))
@click.option("--deleted", is_flag=True, help="Deleted ones, too.")
@options.as_json
def list_images(family: str | None, deleted: bool, json_: bool) -> None:
    """List images, of all families or of FAMILY.

    \b
    Example:
      stoneware image list critter-web
    """
    found = options.client().get("/v1/images", family=family, deleted=deleted)
    if json_:
        output.show_json(found)
        return
    rows = [
        (
            output.image_name(i),
            output.image_state(i),
            i["digest"][:19],
            output.size(i["size_bytes"]),
            output.since(i["created_at"]),
            i["effective"]["reason"],
        )
        for i in found
    ]
    output.table(("image", "state", "digest", "size", "age", "reason"), rows, "no images; `stoneware bake` makes one")


@image.command()
@options.image_ref
@options.as_json
def show(image_ref: str, json_: bool) -> None:
    """Show one image: digests, recipe, packages, boot test, users.

    \b
    Example:
      stoneware image show critter-web/2
    """
    detail = options.client().get(f"/v1/images/{image_ref}")
    if json_:
        output.show_json(detail)
        return
    one, manifest, test = detail["image"], detail["manifest"], detail["boot_test"]
    recipe = manifest["recipe"]
    dirty = " (with changes)" if recipe["dirty"] else ""
    rows = [
        ("image", output.image_name(one)),
        ("state", _state(one)),
        *_timers(one),
        ("digest", one["digest"]),
        (
            "recipe",
            f"{recipe['containerfile']} at {recipe['commit'][:12] or 'no commit'}{dirty}, from {recipe['base']}",
        ),
        ("kernel", manifest["kernel_version"]),
        ("tree", manifest["tree"]),
        *((f"root hash {n}", layer["root_hash"]) for n, layer in enumerate(manifest["layers"])),
        ("writable", ", ".join(manifest["writable"]) or "nothing"),
        ("state schema", _schema(manifest["state_schema"])),
        ("packages", len(manifest["packages"])),
        ("used by", ", ".join(detail["used_by"]) or "nobody"),
    ]
    rows += [
        (role, f"{f['name']} {output.size(f['size_bytes'])} sha256:{f['sha256'][:12]}")
        for role, f in manifest["files"].items()
    ]
    rows += [("boot test", line) for line in (test["results"] if test else ["not tested"])]
    output.table(("", ""), rows)


for command in (*STATES, why_kept, prune, verify, sbom, diff_images):
    image.add_command(command)


def _state(one: dict[str, Any]) -> str:
    """What it counts as and why; what was stored, where that is something else."""
    now = one["effective"]
    stored = f"; stored is {one['state']}" if now["state"] != one["state"] else ""
    return f"{output.image_state(one)} {now['reason']}".strip() + stored


def _schema(schema: dict[str, Any] | None) -> str:
    """Which data the image's application can live with."""
    if schema is None:
        return "not said"
    return f"reads {', '.join(str(number) for number in schema['reads'])}, writes {schema['writes']}"


def _timers(one: dict[str, Any]) -> list[tuple[str, str]]:
    """A line for each timer that is set."""
    return [
        (f"{verb}d", f"{output.until(at)} ({format_moment(at)})")
        for verb in ("deprecate", "obsolete", "delete")
        if (at := one[f"{verb}_at"]) is not None
    ]


def _rule(keep: dict[str, Any]) -> str:
    limits = [f"the newest {keep['newest']}"] if keep["newest"] else []
    limits += [f"those of the last {keep['within']}"] if keep["within"] else []
    return " and ".join(limits)


@click.group()
def family() -> None:
    """Families: what each resolves to.

    \b
    Example:
      stoneware family show critter-web
    """


@family.command("list")
@options.as_json
def list_families(json_: bool) -> None:
    """List families.

    \b
    Example:
      stoneware family list
    """
    found = options.client().get("/v1/families")
    if json_:
        output.show_json(found)
        return
    rows = [
        (f["name"], output.image_name(f["resolves_to"]) if f["resolves_to"] else "nothing", len(f["images"]))
        for f in found
    ]
    output.table(("family", "resolves to", "images"), rows, "no families")


@family.command("show")
@click.argument("name", shell_complete=options.completes("/v1/families"))
@options.as_json
def show_family(name: str, json_: bool) -> None:
    """Show one family.

    \b
    Example:
      stoneware family show critter-web
    """
    found = options.client().get(f"/v1/families/{name}")
    if json_:
        output.show_json(found)
        return
    newest = found["resolves_to"]
    output.say(f"{name} resolves to {output.image_name(newest) if newest else 'nothing'}")
    if found["keep"]:
        output.say(f"kept are {_rule(found['keep'])}, and whatever is needed")
    rows = [(output.image_name(i), output.image_state(i), i["effective"]["reason"]) for i in found["images"]]
    output.table(("image", "state", "reason"), rows)
