"""`stoneware builder`: the images that build files name."""

from __future__ import annotations

import click

from stoneware.cli import options, output, watching


@click.group()
def builder() -> None:
    """Builders: what the images that build files name stand for here.

    \b
    Example:
      stoneware builder build docker
    """


@builder.command("list")
@options.as_json
def list_builders(json_: bool) -> None:
    """List names that stand for another image.

    \b
    Example:
      stoneware builder list
    """
    found = options.client().get("/v1/builders")
    if json_:
        output.show_json(found)
    else:
        output.table(("name", "stands for"), [(one["name"], one["image"]) for one in found], "every name is its own")


@builder.command("map")
@click.argument("name")
@click.argument("image")
@options.reason
@options.as_json
def map_builder(name: str, image: str, reason: str, json_: bool) -> None:
    """Let NAME in build files stand for IMAGE, of the builds' store or of a registry.

    \b
    Example:
      stoneware builder map gcr.io/cloud-builders/npm docker.io/library/node:20
    """
    one = options.client().post("/v1/builders/map", {"name": name, "image": image, "reason": reason})
    output.show_json(one) if json_ else output.say(f"{name} stands for {image}")


@builder.command()
@click.argument("name", shell_complete=options.completes("/v1/builders"))
@options.reason
@options.as_json
def unmap(name: str, reason: str, json_: bool) -> None:
    """Let NAME stand for itself again.

    \b
    Example:
      stoneware builder unmap gcr.io/cloud-builders/npm
    """
    options.client().post("/v1/builders/unmap", {"name": name, "reason": reason})
    output.show_json({"unmapped": name}) if json_ else output.say(f"{name} stands for itself")


@builder.command()
@click.argument("name", metavar="[debian|git|docker]")
@options.reason
@options.no_wait
@options.as_json
def build(name: str, reason: str, no_wait: bool, json_: bool) -> None:
    """Make a builder from Stoneware's own base, without a registry: debian (git, make, python3, curl), git, docker.

    \b
    Example:
      stoneware builder build debian
    """
    client = options.client()
    operation = client.post("/v1/builders/build", {"name": name, "reason": reason}, options.new_key())
    if not no_wait:
        operation = watching.follow(client, operation, quiet=json_, programs="tail")
    if json_:
        output.show_json(operation)
    else:
        output.say(operation["because"] if not no_wait else f"{operation['id']} is under way")
