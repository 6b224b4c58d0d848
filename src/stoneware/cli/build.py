"""`stoneware build`: run a commit's build, and look at builds."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from stoneware.cli import options, output
from stoneware.client import Client
from stoneware.errors import BadInput, DaemonUnreachable, StonewareError

POLL_S = 0.15
MORE = ("deploy", "promote", "docker", "artifacts")
"""What a person's build may not do unless they say so."""
build_id = click.argument(
    "build_id",
    metavar="BUILD",
    callback=options.plain("build"),
    shell_complete=options.completes("/v1/builds", "id"),
)


class BuildDidNotSucceed(StonewareError):
    """The build ended otherwise than hoped for."""

    code = "build-failed"


class ByDefault(click.Group):
    """A group whose first command needs no name: `build DIR` is `build run DIR`. A folder called `list` is reached as `./list`."""

    DEFAULT = "run"

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        helps = {"-h", "--help"}
        if not args or (args[0] not in self.commands and args[0] not in helps):
            args = [self.DEFAULT, *args]
        return super().parse_args(ctx, args)


@click.group(cls=ByDefault)
def build() -> None:
    """Builds of commits: what cloudbuild.yaml says, or stoneware.yaml's own steps.

    \b
    Example:
      stoneware build                        (this folder)
      stoneware build https://host/app.git@main --substitutions _ENV=test
      stoneware build logs -f build-17
    """


@build.command()
@click.argument("source", default=".", metavar="[DIR|GIT-URL@REF]")
@click.option(
    "--config", default="", metavar="FILE", help="The build file (default: cloudbuild.yaml, if there is one)."
)
@click.option("--substitutions", "-s", multiple=True, metavar="K=V[,K=V]", help="Values for _KEYS of the build file.")
@click.option(
    "--allow",
    multiple=True,
    type=click.Choice(MORE),
    help="What steps may reach beyond their workspace, besides bakes and the network. Again for more.",
)
@click.option("--network", type=click.Choice(["outside", "none"]), default="outside", help="Whether steps get outside.")
@options.reason
@click.option("--no-wait", is_flag=True, help="Start it and return; `stoneware build logs -f` looks again.")
@options.as_json
def run(
    source: str,
    config: str,
    substitutions: tuple[str, ...],
    allow: tuple[str, ...],
    network: str,
    reason: str,
    no_wait: bool,
    json_: bool,
) -> None:
    """Run the build of a folder, or of a commit of a repository. The word `run` may be left out.

    \b
    Example:
      stoneware build run .
      stoneware build run /srv/git/app.git@main --allow deploy
    """
    allowed = ["bake", *allow, *(["network"] if network == "outside" else [])]
    body = {"allowed": allowed, "reason": reason, "substitutions": _pairs(substitutions), **_source(source, config)}
    client = options.client()
    _watch(client, client.post("/v1/builds", body, options.new_key()), no_wait, json_)


@build.command("list")
@options.how_many(20, "How many.")
@options.as_json
def list_builds(limit: int, json_: bool) -> None:
    """List builds, the newest first.

    \b
    Example:
      stoneware build list
    """
    found = options.client().get("/v1/builds", limit=limit)
    if json_:
        output.show_json(found)
        return
    rows = [
        (one["id"], one["status"], _origin(one), _took(one), output.since(one["created_at"]) + " ago", one["because"])
        for one in found
    ]
    output.table(("build", "status", "source", "took", "begun", "because"), rows, "no builds yet")


@build.command()
@build_id
@options.as_json
def show(build_id: str, json_: bool) -> None:
    """Show a build with its steps.

    \b
    Example:
      stoneware build show build-17
    """
    one = options.client().get(f"/v1/builds/{build_id}")
    output.show_json(one) if json_ else _show(one)


@build.command()
@build_id
@click.option("--follow", "-f", is_flag=True, help="Go on until the build ends.")
@options.as_json
def logs(build_id: str, follow: bool, json_: bool) -> None:
    """Print what a build's steps print; as JSON, a line each.

    \b
    Example:
      stoneware build logs -f build-17
    """
    client = options.client()
    one = client.get(f"/v1/builds/{build_id}")
    _print_log(client, one, follow=follow, emit=_as_json_lines if json_ else _as_it_is)


@build.command()
@build_id
@options.reason
@options.as_json
def cancel(build_id: str, reason: str, json_: bool) -> None:
    """Cancel a build: what runs of it is stopped.

    \b
    Example:
      stoneware build cancel build-17 --reason "a newer one comes"
    """
    one = options.client().post(f"/v1/builds/{build_id}/cancel", {"reason": reason}, options.new_key())
    output.show_json(one) if json_ else output.say(f"{build_id} is being cancelled")


@build.command()
@build_id
@options.reason
@click.option("--no-wait", is_flag=True, help="Start it and return.")
@options.as_json
def retry(build_id: str, reason: str, no_wait: bool, json_: bool) -> None:
    """Run a build once more: of the same commit, or of its folder as it is now.

    \b
    Example:
      stoneware build retry build-17
    """
    client = options.client()
    one = client.post(f"/v1/builds/{build_id}/retry", {"reason": reason}, options.new_key())
    _watch(client, one, no_wait, json_)


def _source(source: str, config: str) -> dict[str, Any]:
    """What is meant: a folder, if there is one of that name, else a repository at a branch, tag or commit."""
    folder = Path(source)
    if folder.is_dir():
        place = Path(config)
        if config and not (folder / place).is_file() and place.is_file():  # as people type it: from where they are
            config = str(place.resolve())
        return {"folder": str(folder.resolve()), "config": config}
    repository, ref = _at(source)
    place = Path(repository)
    if place.exists():
        repository = str(place.resolve())
    elif "://" not in repository and ":" not in repository:
        raise BadInput(f"there is no folder {source}", next_step="name a folder, or a repository as ADDRESS@BRANCH")
    return {"repository": repository, "ref": ref, "config": config}


def _at(source: str) -> tuple[str, str]:
    """Where a repository is, and what of it is meant: the @ of ssh://user@host/path and of user@host:path is of the address."""
    scheme, sign, rest = source.rpartition("://")
    host = re.match(r"[^/?#]*" if sign else r"[^/:@]*@[^/:@]*:|", rest)
    begin = len(scheme + sign) + (host.end() if host else 0)
    path, at, ref = source[begin:].rpartition("@")
    return (source[:begin] + path, ref) if at else (source, "HEAD")


def _pairs(given: tuple[str, ...]) -> dict[str, str]:
    pairs = [one for text in given for one in text.split(",") if one]
    bad = next((one for one in pairs if "=" not in one), None)
    if bad is not None:
        raise BadInput(f"--substitutions {bad} is no K=V", next_step="write _KEY=value")
    return dict(one.split("=", 1) for one in pairs)


def _watch(client: Client, one: dict[str, Any], no_wait: bool, json_: bool) -> None:
    """Shows a build until it ends, unless nobody wants to wait. Raises BuildDidNotSucceed; as JSON the build itself says so, for
    two documents would be none."""
    if no_wait:
        output.show_json(one) if json_ else output.say(f"{one['id']} is queued; `stoneware build logs -f {one['id']}`")
        return
    if not json_:
        output.say(f"{one['id']} of {_origin(one)}")
    one = _print_log(client, one, follow=True, emit=_nothing if json_ else _as_it_is)
    output.show_json(one) if json_ else _show(one)
    if one["status"] == "SUCCESS":
        return
    if json_:
        sys.exit(1)
    raise BuildDidNotSucceed(
        f"{one['id']} {one['status']}: {one['because']}",
        f"`stoneware build logs {one['id']}` has all that it printed",
        code=one["code"] or "build-failed",
    )


def _as_it_is(text: str) -> None:
    click.echo(output.plain(text), nl=False)


def _as_json_lines(text: str) -> None:
    for line in text.removesuffix("\n").split("\n"):
        output.show_json_line({"line": line})


def _nothing(text: str) -> None:
    """For who wants the end alone."""


def _print_log(
    client: Client, one: dict[str, Any], *, follow: bool, emit: Callable[[str], None] = _as_it_is
) -> dict[str, Any]:
    """Prints a log from its beginning, as it grows. Returns the build as it is then."""
    identity, offset = one["id"], 0
    try:
        while True:
            one = client.get(f"/v1/builds/{identity}")
            text, offset = client.text(f"/v1/builds/{identity}/log", offset=offset)
            if text:
                emit(text)
            if not text:
                if one["ended_at"] is not None or not follow:
                    return one
                time.sleep(POLL_S)
    except DaemonUnreachable as away:
        hint = f"`stoneware serve --background`, then `stoneware build logs -f {identity}`"
        raise DaemonUnreachable(f"{away.message}; {identity} goes on with the next daemon", hint) from away
    except KeyboardInterrupt:
        click.echo(f"\n{identity} goes on without you:", err=True)
        click.echo(
            f"  `stoneware build logs -f {identity}` looks again, `stoneware build cancel {identity}` ends it", err=True
        )
        sys.exit(1)


def _show(one: dict[str, Any]) -> None:
    output.say(f"{one['id']} {one['status']}" + (f": {one['because']}" if one["because"] else ""))
    output.say(
        f"  of {_origin(one)}, by {one['trigger'] or one['actor']}" + (f": {one['reason']}" if one["reason"] else "")
    )
    rows = [
        (f"#{number}", step["id"], step["status"], _took(step), step["name"], step["because"])
        for number, step in enumerate(one["steps"])
    ]
    if rows:
        output.table(("", "step", "status", "took", "runs", "because"), rows)
    for child in one["children"]:
        output.say(f"  began {child}")
    if one["kept"]:
        output.say(f"  kept {len(one['kept'])} files in {one['kept_in']}")


def _origin(one: dict[str, Any]) -> str:
    source = one["source"]
    if source["folder"]:
        return str(source["folder"])
    at = source["branch"] or source["tag"]
    return f"{source['name']}@{source['commit'][:12]}" + (f" ({at})" if at else "")


def _took(one: dict[str, Any]) -> str:
    if one["began_at"] is None:
        return ""
    return f"{(one['ended_at'] or time.time()) - one['began_at']:.1f}s"
