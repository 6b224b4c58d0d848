"""The only printer: tables, plans and progress for people, JSON for programs."""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Iterable, Sequence
from typing import Any

import click

ORDER = re.compile(r"\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)|.)|[\x00-\x08\x0b-\x1f\x7f-\x9f]")
"""What a terminal takes as an order: what machines, steps and far hosts print is shown, never obeyed."""


def plain(text: str) -> str:
    """The text without orders to a terminal: of control characters, tabs and line feeds stay."""
    return ORDER.sub("", text)


def show_json(value: Any) -> None:
    """JSON on stdout, indented."""
    click.echo(json.dumps(value, indent=2, sort_keys=True))


def show_json_line(value: Any) -> None:
    """JSON on a line of its own, for programs that read while we go on."""
    click.echo(json.dumps(value, sort_keys=True))


def say(text: str) -> None:
    """A line for people."""
    click.echo(plain(text))


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], empty: str = "nothing") -> None:
    """A table with aligned columns; `empty` when it has no rows. Columns without names have no line for them."""
    texts = [[plain(str(cell)) for cell in row] for row in rows]
    if not texts:
        click.echo(empty)
        return
    if not sys.stdout.isatty():
        lines = [list(columns), *texts] if any(columns) else texts
        widths = [max(len(row[i]) for row in lines) for i in range(len(columns))]
        for row in lines:
            click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
        return
    from rich.console import Console
    from rich.table import Table

    shown = Table(box=None, header_style="bold", pad_edge=False, show_header=any(columns))
    for column in columns:
        shown.add_column(column, overflow="fold")
    for row in texts:
        shown.add_row(*row)
    Console().print(shown)


def show_plan(plan: dict[str, Any]) -> None:
    """A plan as people read it: what is made, what goes, what stays."""
    source = f" (now {plan['source']})" if plan["source"] else ""
    click.echo(f"plan: {plan['deployment']} release {plan['release']}{source}")
    marks = {"create": "+", "replace": "~", "scale": "~", "keep": "=", "remove": "-"}
    for group in plan["groups"]:
        why = f": {'; '.join(group['why'])}" if group["why"] else ""
        click.echo(f"  {marks[group['action']]} group {group['group']} {group['action']}{why}")
        if group["action"] != "remove":
            click.echo(f"      image {group['image']} {group['digest'][:19]}")
        if group["how"]:
            click.echo(f"      {group['how']}")
        for mark, key, words in (
            ("+", "creates", "machine"),
            ("-", "retires", "machine"),
            ("=", "keeps", "machine"),
            ("+", "new_disks", "disk"),
            (">", "moved_disks", "disk moves:"),
        ):
            for name in group[key]:
                click.echo(f"      {mark} {words} {name}")
    for service in plan["services"]:
        why = f": {'; '.join(service['why'])}" if service["why"] else ""
        click.echo(f"  {marks[service['action']]} service {service['service']} at {service['listen']}{why}")
    for what in (plan["drift"], plan["record"]):
        if what:
            click.echo(f"  ~ {what}")
    for warning in plan["warnings"]:
        click.echo(f"  ! {warning}")


def image_name(one: dict[str, Any]) -> str:
    """`web/2`, or `web@3f9a…` before it has a number."""
    return f"{one['family']}/{one['number']}" if one["number"] else f"{one['family']}@{one['digest'][7:19]}"


def image_state(one: dict[str, Any]) -> str:
    """What an image counts as, and what makes it so when nobody stored it: `DEPRECATED (timer)`."""
    now = one["effective"]
    return str(now["state"]) if now["source"] == "stored" else f"{now['state']} ({now['source']})"


def until(at: float) -> str:
    """How far away a time is: `in 30d`, `2h ago`."""
    away = at - time.time()
    return f"in {ago(away)}" if away > 0 else f"{ago(-away)} ago"


def ago(seconds: float) -> str:
    """A span of time in one unit."""
    for unit, length in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= length:
            return f"{seconds / length:.0f}{unit}"
    return f"{max(0, seconds):.0f}s"


def since(at: float) -> str:
    """How long ago something was."""
    return ago(time.time() - at)


def size(size_bytes: int) -> str:
    """Bytes, rounded for people."""
    return f"{size_bytes / 2**20:.0f} MiB" if size_bytes < 2**30 else f"{size_bytes / 2**30:.1f} GiB"
