"""`stoneware explain`: what is, what is awaited, what isn't well, and what to do next."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click

from stoneware.cli import options, output
from stoneware.decide.explain.words import ago


@click.command()
@click.argument("name", metavar="[DEPLOYMENT|MACHINE|IMAGE|OPERATION]", required=False, shell_complete=options.anything)
@options.as_json
def explain(name: str | None, json_: bool) -> None:
    """One screen about one thing: what is, what is awaited and until when, what happens then, the last failing health answer, the
    end of the console, drift that is open, and the next sensible command. Without a name: all deployments in short, with what is
    not well.

    Write machine:NAME, or another kind, where several things have the name.

    \b
    Example:
      stoneware explain
      stoneware explain critter-junction
      stoneware explain critter-junction-web-r3-0
      stoneware explain critter-web/3
      stoneware explain rollout-7
    """
    client = options.client()
    found = client.get(f"/v1/explanations/{name}") if name else client.get("/v1/explanations")
    if json_:
        output.show_json(found)
    elif name:
        output.say("\n".join(screen(found)))
    else:
        output.say(
            "\n".join(line for one in found for line in short(one)) or "no deployments; `stoneware deploy` makes one"
        )


def short(told: dict[str, Any]) -> Iterator[str]:
    """A few lines: what it is, what isn't well, what to do."""
    yield told["headline"]
    if told["awaited"]:
        yield f"  awaited: {told['awaited']['what']}"
    for line in _not_well(told):
        yield f"  {line}"
    if not told["well"]:
        yield f"  next: {told['next_step']}"


def screen(told: dict[str, Any]) -> Iterator[str]:
    """The whole screen."""
    yield told["headline"]
    rows = [(fact["what"], fact["text"]) for fact in told["facts"]]
    if told["awaited"]:
        rows += _awaited(told["awaited"], told["at"])
    width = max((len(what) for what, _ in rows), default=0)
    for what, text in rows:
        yield f"  {what:<{width}}  {text}"
    for line in _not_well(told):
        yield f"  {line}"
    if told["console"]:
        yield f"  the end of the console of {told['console_of']}:"
        for line in told["console"]:
            yield f"    {line}"
    yield f"  next: {told['next_step']}"


def _awaited(awaited: dict[str, Any], now: float) -> Iterator[tuple[str, str]]:
    yield "awaited", awaited["what"]
    yield "since", f"{ago(now - awaited['since'])} ago"
    if awaited["deadline_at"] is None:
        yield "then", awaited["then"]
    else:
        left = awaited["deadline_at"] - now
        yield "deadline", f"in {ago(left)}; {awaited['then']}" if left > 0 else f"passed; {awaited['then']}"


def _not_well(told: dict[str, Any]) -> Iterator[str]:
    for trouble in told["troubles"]:
        yield f"! {trouble}"
    for answer in told["answers"]:
        yield f"! health of {answer['what']}: {answer['text']}"
    if told["code"]:
        yield f"! code: {told['code']} (`stoneware docs {told['code']}`)"
