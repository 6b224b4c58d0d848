"""`stoneware image` and `stoneware family`."""

from __future__ import annotations

from typing import Any

import click

from stoneware.cli import moving, options, output

ref = click.argument("image_ref", metavar="IMAGE", shell_complete=options.completes("/v1/images", "image"))


def _name(one: dict[str, Any]) -> str:
    return f"{one['family']}/{one['number']}" if one["number"] else f"{one['family']}@{one['digest'][7:19]}"


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
            _name(i),
            i["state"],
            i["digest"][:19],
            output.size(i["size_bytes"]),
            output.since(i["created_at"]),
            i["state_reason"],
        )
        for i in found
    ]
    output.table(("image", "state", "digest", "size", "age", "reason"), rows, "no images; `stoneware bake` makes one")


@image.command()
@ref
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
        ("image", _name(one)),
        ("state", f"{one['state']} {one['state_reason']}".strip()),
        ("digest", one["digest"]),
        (
            "recipe",
            f"{recipe['containerfile']} at {recipe['commit'][:12] or 'no commit'}{dirty}, from {recipe['base']}",
        ),
        ("kernel", manifest["kernel_version"]),
        ("tree", manifest["tree"]),
        *((f"root hash {n}", layer["root_hash"]) for n, layer in enumerate(manifest["layers"])),
        ("writable", ", ".join(manifest["writable"]) or "nothing"),
        ("packages", len(manifest["packages"])),
        ("used by", ", ".join(detail["used_by"]) or "nobody"),
    ]
    rows += [
        (role, f"{f['name']} {output.size(f['size_bytes'])} sha256:{f['sha256'][:12]}")
        for role, f in manifest["files"].items()
    ]
    rows += [("boot test", line) for line in (test["results"] if test else ["not tested"])]
    output.table(("", ""), rows)


def _change(verb: str, image_ref: str, reason: str, json_: bool) -> None:
    changed = options.client().post(f"/v1/images/{image_ref}/{verb}", {"reason": reason})
    if json_:
        output.show_json(changed)
    else:
        output.say(f"{_name(changed)} is {changed['state']}")


@image.command()
@ref
@options.reason
@options.as_json
def deprecate(image_ref: str, reason: str, json_: bool) -> None:
    """The family skips it from now on; its use gives a warning.

    \b
    Example:
      stoneware image deprecate critter-web/2 --reason "slow"
    """
    _change("deprecate", image_ref, reason, json_)


@image.command()
@ref
@options.reason
@options.as_json
def obsolete(image_ref: str, reason: str, json_: bool) -> None:
    """New use is refused from now on.

    \b
    Example:
      stoneware image obsolete critter-web/1 --reason "CVE-2026-1"
    """
    _change("obsolete", image_ref, reason, json_)


@image.command()
@ref
@options.reason
@options.as_json
def restore(image_ref: str, reason: str, json_: bool) -> None:
    """Make it ACTIVE again.

    \b
    Example:
      stoneware image restore critter-web/2
    """
    _change("restore", image_ref, reason, json_)


@image.command()
@ref
@options.reason
@options.yes
@options.as_json
def delete(image_ref: str, reason: str, yes: bool, json_: bool) -> None:
    """Delete an image that nothing uses.

    \b
    Example:
      stoneware image delete critter-web/1 --yes
    """
    options.agree(f"delete {image_ref} for good?", yes, json_)
    options.client().delete(f"/v1/images/{image_ref}", reason=reason)
    output.show_json({"deleted": image_ref}) if json_ else output.say(f"{image_ref} is deleted")


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
    rows = [(f["name"], _name(f["resolves_to"]) if f["resolves_to"] else "nothing", len(f["images"])) for f in found]
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
    output.say(f"{name} resolves to {_name(newest) if newest else 'nothing'}")
    output.table(("image", "state", "reason"), [(_name(i), i["state"], i["state_reason"]) for i in found["images"]])
