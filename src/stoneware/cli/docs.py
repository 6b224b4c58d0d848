"""`stoneware docs`: what codes of failures and classes of drift mean. It needs no daemon and no network."""

from __future__ import annotations

import difflib

import click
from click.shell_completion import CompletionItem

from stoneware.cli import options, output
from stoneware.codes import CODES, page_of
from stoneware.errors import NotFound
from stoneware.model.drift_classes import CLASSES
from stoneware.model.drift_pages import class_page

KNOWN = {**CODES, **{kind: known.means for kind, known in CLASSES.items()}}
"""Each with its line. No class has the name of a code: there is a dot in it."""


def _complete(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    return [CompletionItem(code, help=line) for code, line in KNOWN.items() if code.startswith(incomplete)]


@click.command()
@click.argument("code", required=False, shell_complete=_complete)
@options.as_json
def docs(code: str | None, json_: bool) -> None:
    """Say what CODE means, why it happens and what to do; without CODE, list all.

    Every failure carries a code, which keeps its name and its meaning. CODE may be a class of drift, too: then how bad it is, and
    what Stoneware does about it by default.

    \b
    Example:
      stoneware docs disk-full
      stoneware docs inside.port
    """
    if code is None:
        output.show_json(KNOWN) if json_ else output.table(("code", "means that"), KNOWN.items())
        return
    if code not in KNOWN:
        near = difflib.get_close_matches(code, list(KNOWN), n=3, cutoff=0.5)
        hint = f"perhaps {' or '.join(near)}; `stoneware docs` lists all" if near else "`stoneware docs` lists all"
        raise NotFound(f"there is no code {code}", hint)
    page = page_of(code) if code in CODES else class_page(code)
    output.show_json({"code": code, "means": KNOWN[code], "page": page}) if json_ else output.say(page.rstrip())
