"""What commands share: options, the client, and names that complete with the tabulator."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from stoneware.client import Client
from stoneware.errors import BadInput, StonewareError
from stoneware.host.home import default_home
from stoneware.model.quantity import parse_span
from stoneware.spec.load import Loaded, load

as_json = click.option("--json", "json_", is_flag=True, help="Print JSON.")
yes = click.option("--yes", "-y", is_flag=True, help="Don't ask.")
reason = click.option("--reason", default="", metavar="TEXT", help="Why; it goes into the ledger.")
no_wait = click.option("--no-wait", is_flag=True, help="Start it and return; `stoneware history --watch` looks again.")


def _span(_ctx: click.Context, _param: click.Parameter, given: str | None) -> str | None:
    """A time to come as it is written. Raises BadParameter for what is none."""
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


file = click.option(
    "--file",
    "-f",
    "file_",
    type=click.Path(path_type=Path),
    default=Path(),
    help="stoneware.yaml, or its folder (default: this one).",
)


def client() -> Client:
    """The daemon of this home."""
    return Client(default_home().socket)


def agree(question: str, given_yes: bool, json_: bool) -> None:
    """Asks, unless `--yes` was said. Raises BadInput where there is nobody to ask, Abort for a no."""
    if given_yes:
        return
    if json_ or not sys.stdin.isatty():
        raise BadInput("this changes something for good, and there is nobody to ask", next_step="say --yes")
    click.confirm(question, abort=True)


def new_key() -> str:
    """An idempotency key: a call whose answer was lost can be sent again."""
    return uuid.uuid4().hex


def declared(loaded: Loaded, why: str = "") -> dict[str, Any]:
    """A declaration as the API takes it."""
    return {"text": loaded.text, "file": loaded.file, "folder": str(loaded.folder), "reason": why}


def pick_deployment(name: str | None, path: Path) -> str:
    """The named deployment, or the only one: of the file, else of the daemon. Raises BadInput when there is a choice."""
    if name:
        return name
    try:
        known = list(load(path).document.deployments)
    except StonewareError:
        known = [one["name"] for one in client().get("/v1/deployments")]
    if len(known) == 1:
        return known[0]
    hint = f"name one of: {', '.join(known)}" if known else "`stoneware init` writes one"
    raise BadInput("which deployment?" if known else "there is no deployment", next_step=hint)


def completes(path: str, key: str = "name") -> Callable[[click.Context, click.Parameter, str], list[CompletionItem]]:
    """Completion from a list of the API; none without a daemon."""

    def complete(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        try:
            names = [_name(one, key) for one in client().get(path)]
        except StonewareError:
            return []
        return [CompletionItem(name) for name in names if name.startswith(incomplete)]

    return complete


def _name(thing: dict[str, Any], key: str) -> str:
    if key == "image":
        return f"{thing['family']}/{thing['number']}" if thing["number"] else thing["digest"]
    return str(thing[key])


image_ref = click.argument("image_ref", metavar="IMAGE", shell_complete=completes("/v1/images", "image"))
deployment = click.argument("deployment", required=False, shell_complete=completes("/v1/deployments"))
