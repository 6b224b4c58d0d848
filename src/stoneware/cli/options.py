"""What commands share: options, the client, and names that complete with the tabulator."""

from __future__ import annotations

import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from stoneware.client import Client
from stoneware.errors import BadInput, NotFound, StonewareError
from stoneware.host.home import default_home

if TYPE_CHECKING:
    from stoneware.spec.load import Loaded

GATES = ("origin", "soak", "drift", "test", "freeze")
"""Gates of an environment that one can go past (`FORCIBLE` of model/promotion.py, which isn't imported for the sake of speed)."""

as_json = click.option("--json", "json_", is_flag=True, help="Print JSON.")
yes = click.option("--yes", "-y", is_flag=True, help="Don't ask.")
reason = click.option("--reason", default="", metavar="TEXT", help="Why; it goes into the ledger.")
no_wait = click.option("--no-wait", is_flag=True, help="Start it and return; `stoneware history --watch` looks again.")

force = click.option(
    "--force",
    multiple=True,
    metavar="GATE",
    type=click.Choice(GATES),
    help=f"Go past a gate of the environment, with --reason and on record: {', '.join(GATES)}.",
)


def _span(_ctx: click.Context, _param: click.Parameter, given: str | None) -> str | None:
    """A time to come as it is written. Raises BadParameter for what is none."""
    from stoneware.model.quantity import parse_span

    if given is None:
        return None
    try:
        parse_span(given)
    except ValueError as wrong:
        raise click.BadParameter(f"{given!r} is {wrong}") from None
    return given


def _span_or_never(ctx: click.Context, param: click.Parameter, given: str | None) -> str | None:
    return given if given == "never" else _span(ctx, param, given)


def time_to_come(*names: str, text: str, never: bool = False) -> Callable[[Any], Any]:
    """An option that takes a time such as `30d`; with `never`, that word too."""
    return click.option(*names, metavar="TIME", callback=_span_or_never if never else _span, help=text)


def _moment(_ctx: click.Context, _param: click.Parameter, given: str | None) -> float | None:
    """A moment as it is written, in seconds since the epoch. Raises BadParameter for what is none, or is still to come."""
    if given is None:
        return None
    from stoneware.model.quantity import parse_moment

    now = time.time()
    try:
        at = parse_moment(given, now)
    except ValueError as wrong:
        raise click.BadParameter(f"{given!r} is {wrong}") from None
    if at > now:
        raise click.BadParameter(f"{given!r} is still to come")
    return at


def moment(*names: str, text: str) -> Callable[[Any], Any]:
    """An option that takes a time of the past, such as `2026-11-24 09:30` or `15m ago`."""
    return click.option(*names, metavar="TIME", callback=_moment, help=text)


file = click.option(
    "--file",
    "-f",
    "file_",
    type=click.Path(path_type=Path),
    default=Path(),
    help="stoneware.yaml, or its folder (default: this one).",
)


def how_many(default: int, text: str) -> Callable[[Any], Any]:
    """How long a list is at most."""
    return click.option("--limit", type=click.IntRange(1, 1000), default=default, show_default=True, help=text)


def client() -> Client:
    """The daemon of this home."""
    return Client(default_home().socket)


def agree(question: str, given_yes: bool, json_: bool) -> None:
    """Asks, unless `--yes` was said. Raises BadInput where there is nobody to ask, Abort for a no."""
    if given_yes:
        return
    if json_ or not sys.stdin.isatty():
        raise BadInput(
            "this changes something for good, and there is nobody to ask",
            next_step="say --yes",
            code="confirmation-missing",
        )
    click.confirm(question, abort=True)


def address(given: str) -> tuple[str, int]:
    """An address and port such as 127.0.0.1:8090. Raises BadInput."""
    host, _, port = given.rpartition(":")
    if not host or not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        raise BadInput(f"{given} is no address and port", next_step="write one such as 127.0.0.1:8090")
    return host.removeprefix("[").removesuffix("]"), int(port)


def new_key() -> str:
    """An idempotency key: a call whose answer was lost can be sent again."""
    return uuid.uuid4().hex


def declared(loaded: Loaded, why: str = "") -> dict[str, Any]:
    """A declaration as the API takes it."""
    return {"text": loaded.text, "file": loaded.file, "folder": str(loaded.folder), "reason": why}


def changes(plan: dict[str, Any]) -> bool:
    """Whether a plan would change anything."""
    groups = any(group["action"] != "keep" or group["why"] for group in plan["groups"])
    return groups or bool(plan["drift"]) or any(service["action"] != "keep" for service in plan["services"])


def pick_deployment(name: str | None, path: Path) -> str:
    """The named deployment, or the only one: of the file, else of the daemon. Raises BadInput when there is a choice."""
    if name:
        return name
    from stoneware.spec.environments import targets
    from stoneware.spec.load import load

    try:
        known = list(targets(load(path).document))
    except StonewareError:
        known = [one["name"] for one in client().get("/v1/deployments")]
    if len(known) == 1:
        return known[0]
    hint = f"name one of: {', '.join(known)}" if known else "`stoneware init` writes one"
    raise BadInput(
        "which deployment?" if known else "there is no deployment", next_step=hint, code="deployment-not-found"
    )


def plain(noun: str) -> Callable[[click.Context, click.Parameter, str], str]:
    """A callback of names that are one part of an address. Raises NotFound for what can't be one, as the daemon does for others."""

    def check(_ctx: click.Context, _param: click.Parameter, given: str) -> str:
        if given in ("", ".", "..") or "/" in given:
            hint = f"`stoneware {noun} list` shows them"
            raise NotFound(f"no {noun} {given}".rstrip(), hint, code=f"{noun}-not-found")
        return given

    return check


Completer = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


def either(*known: Completer) -> Completer:
    """Completion from several lists."""
    return lambda ctx, param, incomplete: [item for one in known for item in one(ctx, param, incomplete)]


def completes(path: str, key: str = "name") -> Completer:
    """Completion from a list of the API; none without a daemon."""

    def complete(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        try:
            names = [_name(one, key) for one in client().get(path)]
        except StonewareError:
            return []
        return [CompletionItem(name) for name in names if name.startswith(incomplete)]

    return complete


def completes_release(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The retained releases of the deployment that is on the line already."""
    name = ctx.params.get("deployment")
    return completes(f"/v1/deployments/{name}/releases", "number")(ctx, param, incomplete) if name else []


def _name(thing: dict[str, Any], key: str) -> str:
    if key == "image":
        return f"{thing['family']}/{thing['number']}" if thing["number"] else thing["digest"]
    return str(thing[key])


image_ref = click.argument("image_ref", metavar="IMAGE", shell_complete=completes("/v1/images", "image"))
anything = either(
    completes("/v1/deployments"),
    completes("/v1/machines"),
    completes("/v1/images", "image"),
    completes("/v1/operations", "id"),
)
"""Whatever has a name that `explain` and the ledger know."""
deployment = click.argument("deployment", required=False, shell_complete=completes("/v1/deployments"))
