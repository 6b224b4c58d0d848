"""`stoneware docs`: what the codes mean that failures carry. It needs no daemon and no network."""

from __future__ import annotations

import difflib

import click
from click.shell_completion import CompletionItem

from stoneware.cli import options, output
from stoneware.codes import CODES, page_of
from stoneware.errors import NotFound


def _complete(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    return [CompletionItem(code, help=line) for code, line in CODES.items() if code.startswith(incomplete)]


@click.command()
@click.argument("code", required=False, shell_complete=_complete)
@options.as_json
def docs(code: str | None, json_: bool) -> None:
    """Say what CODE means, why it happens and what to do; without CODE, list all.

    Every failure carries a code, which keeps its name and its meaning.

    \b
    Example:
      stoneware docs disk-full
    """
    if code is None:
        output.show_json(CODES) if json_ else output.table(("code", "means that"), CODES.items())
        return
    if code not in CODES:
        near = difflib.get_close_matches(code, list(CODES), n=3, cutoff=0.5)
        hint = f"perhaps {' or '.join(near)}; `stoneware docs` lists all" if near else "`stoneware docs` lists all"
        raise NotFound(f"there is no code {code}", hint)
    page = page_of(code)
    output.show_json({"code": code, "means": CODES[code], "page": page}) if json_ else output.say(page.rstrip())
