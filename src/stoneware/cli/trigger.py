"""`stoneware trigger`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from stoneware.cli import options, output
from stoneware.errors import BadInput

trigger_name = click.argument(
    "name", callback=options.plain("trigger"), shell_complete=options.completes("/v1/triggers", "trigger")
)
MAY = ("bake", "deploy", "promote", "docker", "network", "artifacts")


def _allowed(_ctx: click.Context, _param: click.Parameter, given: str) -> list[str]:
    """Words with commas between them. Raises BadParameter for one that allows nothing."""
    words = [word.strip() for word in given.split(",") if word.strip()]
    for word in words:
        if word not in MAY:
            raise click.BadParameter(f"{word!r} is not one of {', '.join(MAY)}.")
    return words


@click.group()
def trigger() -> None:
    """Triggers: a push begins a build.

    \b
    Example:
      stoneware trigger create web --repository /srv/git/web.git --branch '^main$' --allow bake,deploy
    """


@trigger.command("create")
@click.argument("name")
@click.option(
    "--repository", "-r", required=True, help="A repository of this host (its folder), or an address that git reads."
)
@click.option(
    "--watch",
    type=click.Choice(["push", "poll", "webhook"]),
    help="What tells us of a push; default: push for a folder, else poll.",
)
@click.option("--branch", help="Only branches in which this regular expression is found.  [default: all, if no --tag]")
@click.option("--tag", help="Only tags in which this regular expression is found.  [default: none]")
@click.option("--include", multiple=True, help="Only when a changed path fits one of these globs, such as 'app/**'.")
@click.option("--ignore", multiple=True, help="Not for changed paths that fit one of these globs, such as 'docs/**'.")
@click.option(
    "--config", default="", help="The build file in the repository.  [default: cloudbuild.yaml, else stoneware.yaml]"
)
@click.option("--substitutions", multiple=True, metavar="_KEY=VALUE", help="Values for the build file.")
@click.option(
    "--allow",
    default="bake,network",
    show_default=True,
    callback=_allowed,
    help=f"What its builds may do: {', '.join(MAY)}.",
)
@click.option("--family", multiple=True, help="A family that its builds may bake into; several times.  [default: all]")
@click.option(
    "--deployment", multiple=True, help="A deployment that they may deploy and promote; several times.  [default: all]"
)
@click.option("--keep-older", is_flag=True, help="A newer commit doesn't cancel the older builds of its branch.")
@click.option("--every", default="60s", show_default=True, help="How often a polled repository is asked.")
@click.option("--form", type=click.Choice(["github", "gitlab", "gitea"]), help="Whose messages a webhook gets.")
@click.option("--secret", help="The secret (`stoneware secret set`) that the messages are signed with.")
@click.option("--no-hook", is_flag=True, help="Leave the repository's hook alone; we look every 10 s all the same.")
@click.option("--now", is_flag=True, help="Build what is there already, too.")
@options.reason
@options.as_json
def create(name: str, reason: str, json_: bool, no_hook: bool, now: bool, **given: object) -> None:
    """Make a trigger: what is pushed from now on is built.

    \b
    Example:
      stoneware trigger create web --repository /srv/git/web.git --branch '^main$' --family web
      stoneware trigger create web --repository https://git.example.org/web.git --every 5m
      stoneware trigger create web --repository git@host:web.git --watch webhook --form gitea --secret web-hook
    """
    body = {"spec": _spec(given), "hook": not no_hook, "now": now, "reason": reason}
    made = options.client().post(f"/v1/triggers/{name}", body)
    if json_:
        output.show_json(made)
        return
    spec = made["trigger"]
    output.say(
        f"{name} watches {spec['repository']} by {spec['watch']}; its builds may {', '.join(spec['allow']) or 'do nothing else'}"
    )
    if spec["watch"] == "webhook":
        output.say(f"its messages go to POST /hooks/{name} of `stoneware serve --webhooks ADDRESS:PORT`")
    _say_builds(made)


def _spec(given: dict[str, object]) -> dict[str, object]:
    """The wish as the API takes it."""
    repository = str(given["repository"])
    local = ":" not in repository or repository.startswith(("/", "."))
    if local:
        repository = str(Path(repository).resolve())
    pairs = [str(one).partition("=") for one in _many(given["substitutions"])]
    for key, sign, _ in pairs:
        if not sign:
            raise BadInput(f"--substitutions {key} has no value", next_step="write _KEY=VALUE")
    wish = {key: given[key] for key in ("branch", "tag", "form", "secret", "config", "every") if given[key]}
    return wish | {
        "repository": repository,
        "watch": given["watch"] or ("push" if local else "poll"),
        "include": _many(given["include"]),
        "ignore": _many(given["ignore"]),
        "allow": given["allow"],
        "families": _many(given["family"]),
        "deployments": _many(given["deployment"]),
        "keep_older": given["keep_older"],
        "substitutions": {key: value for key, _, value in pairs},
    }


def _many(value: object) -> list[object]:
    return list(value) if isinstance(value, tuple) else []


@trigger.command("list")
@options.as_json
def list_triggers(json_: bool) -> None:
    """List triggers, and how they go.

    \b
    Example:
      stoneware trigger list
    """
    found = options.client().get("/v1/triggers")
    if json_:
        output.show_json(found)
        return
    rows = [
        (t["name"], t["repository"], t["watch"], _about(t), _how(one["state"]))
        for one in found
        if (t := one["trigger"])
    ]
    output.table(
        ("trigger", "repository", "watch", "builds", "looked"), rows, "no triggers; `stoneware trigger create --help`"
    )


def _about(one: dict[str, object]) -> str:
    words = [f"{what} {one[what]}" for what in ("branch", "tag") if one[what]]
    return ", ".join(words) or "every branch"


def _how(state: dict[str, object]) -> str:
    if state["trouble"]:
        return f"trouble: {state['trouble']}"
    at = state["looked_at"]
    return f"{output.since(float(at))} ago" if isinstance(at, float | int) else "not yet"


@trigger.command("show")
@trigger_name
@options.as_json
def show_trigger(name: str, json_: bool) -> None:
    """Show one trigger.

    \b
    Example:
      stoneware trigger show web
    """
    found = options.client().get(f"/v1/triggers/{name}")
    if json_:
        output.show_json(found)
        return
    one, state = found["trigger"], found["state"]
    told = {**one, "looked": _how(state)}
    hidden = ("id", "created_at", "name")
    rows = [
        (key.replace("_", " "), _text(value))
        for key, value in told.items()
        if key not in hidden and value not in (None, "", [], {})
    ]
    output.table((name, ""), rows)


def _text(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key}={one}" for key, one in value.items())
    return ", ".join(str(one) for one in value) if isinstance(value, list) else str(value)


@trigger.command("delete")
@trigger_name
@options.reason
@options.yes
@options.as_json
def delete_trigger(name: str, reason: str, yes: bool, json_: bool) -> None:
    """Take a trigger away. Builds that it has begun go on.

    \b
    Example:
      stoneware trigger delete web --yes --reason "the repository moved"
    """
    options.agree(f"delete trigger {name}?", yes, json_)
    options.client().delete(f"/v1/triggers/{name}", reason=reason)
    output.show_json({"deleted": name}) if json_ else output.say(f"trigger {name} is deleted")


@trigger.command("run")
@trigger_name
@options.as_json
def run(name: str, json_: bool) -> None:
    """Look at the repository now, and build what was pushed.

    \b
    Example:
      stoneware trigger run web
    """
    _show(options.client().post(f"/v1/triggers/{name}/looks", {}), json_)


@trigger.command("notify", hidden=True)
@click.argument("repository", type=click.Path(path_type=Path))
@options.as_json
def notify(repository: Path, json_: bool) -> None:
    """What the hook of a repository calls: say that something was pushed to it.

    \b
    Example:
      stoneware trigger notify /srv/git/web.git
    """
    _show(options.client().post("/v1/pushes", {"repository": str(repository.resolve())}), json_)


def _show(looked: dict[str, Any], json_: bool) -> None:
    if json_:
        output.show_json(looked)
        return
    _say_builds(looked, "stoneware: ")
    if not looked["builds"] and not looked["already"]:
        output.say("stoneware: nothing new to build")


def _say_builds(looked: dict[str, Any], who: str = "") -> None:
    for build in looked["builds"]:
        output.say(f"{who}{build} has begun; `stoneware build logs -f {build}` follows it")
    for build, status in looked["already"].items():
        output.say(f"{who}{build} is of this commit already: {status}")
