"""`stoneware shell`, `taint`: break-glass, and what it leaves."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import click

from stoneware.cli import options, output
from stoneware.errors import BadInput, Refused
from stoneware.model.quantity import parse_span


@click.command()
@click.argument("machine", required=False, shell_complete=options.completes("/v1/machines"))
@click.option("--reason", metavar="TEXT", help="Why; it goes into the ledger and is shown with the machine.")
@options.time_to_come("--limit", text="How long at most, such as 10m (default: 30m, at most 24h).")
@click.option("--drain", is_flag=True, help="Out of the traffic first: wait until it has answered what it was asked.")
@click.option("--list", "list_", is_flag=True, help="List sessions.")
@click.option(
    "--replay",
    metavar="ID",
    shell_complete=options.completes("/v1/shells", "id"),
    help="Show what a session printed (with --json: its transcript, an asciicast).",
)
@options.as_json
def shell(
    machine: str | None,
    reason: str | None,
    limit: str | None,
    drain: bool,
    list_: bool,
    replay: str | None,
    json_: bool,
) -> None:
    """Break-glass: get into MACHINE. It is tainted at once, all is recorded, and it is replaced when you leave.

    What is typed and printed goes into the transcript, secrets too. Input that is no terminal works: it ends with the input.

    \b
    Example:
      stoneware shell critter-junction-web-r3-0 --reason "it answers slowly" --drain
      echo "ps aux" | stoneware shell critter-junction-web-r3-0 --reason "what runs there?"
      stoneware shell --list
      stoneware shell --replay shell-7
    """
    if list_:
        _list(json_)
    elif replay is not None:
        _replay(replay, json_)
    elif machine is None:
        raise BadInput("which machine?", next_step="`stoneware machine list` shows them")
    elif not (reason and reason.strip()):
        raise BadInput("nobody is let in without a reason", next_step='say --reason "TEXT"; it goes into the ledger')
    elif json_:
        raise BadInput(
            "a session is no document", next_step="`stoneware shell --replay ID --json` shows its transcript"
        )
    else:
        _enter(machine, {"reason": reason, "drain": drain, **({"limit_s": parse_span(limit)} if limit else {})})


def _enter(machine: str, wanted: dict[str, Any]) -> None:
    from stoneware.cli import terminal

    with options.client() as client:
        granted = client.post(f"/v1/machines/{machine}/shells", {**wanted, "window": terminal.window()})
    session = granted["session"]
    _tell(f"{session['id']}: {machine} is tainted from now on, and is replaced when you have left")
    because = terminal.attach(Path(granted["socket"]), _tell)
    _tell(f"{session['id']} is over: {because}; `stoneware shell --replay {session['id']}` shows it")
    if because != "the shell ended":
        raise click.exceptions.Exit(1)


def _tell(line: str) -> None:
    """For people, beside what the machine prints. A terminal that is raw wants its carriage return."""
    click.echo(f"{line}\r" if sys.stderr.isatty() else line, err=True)


def _list(json_: bool) -> None:
    found = options.client().get("/v1/shells")
    if json_:
        output.show_json(found)
        return
    rows = [
        (
            s["id"],
            s["machine"],
            s["actor"],
            time.strftime("%F %T", time.localtime(s["began_at"])),
            output.ago(s["ended_at"] - s["began_at"]) if s["ended_at"] else "goes on",
            s["because"],
            s["reason"],
        )
        for s in found
    ]
    output.table(
        ("session", "machine", "by", "at", "lasted", "ended because", "reason"), rows, "nobody was ever let in"
    )


def _replay(identity: str, json_: bool) -> None:
    from stoneware.host.transcript import events

    client = options.client()
    session = client.get(f"/v1/shells/{identity}")
    text = client.text(f"/v1/shells/{identity}/transcript")[0]
    if json_:
        output.show_json({"session": session, "transcript": text})
        if session["damage"]:
            raise click.exceptions.Exit(1)
        return
    output.say(f"{identity}: {session['machine']} by {session['actor']}: {session['reason']}")
    try:
        said = "".join(what for _, kind, what in events(text) if kind == "o")
    except (ValueError, AttributeError, TypeError):
        if not session["damage"]:
            raise
        said = "(what is there now is no transcript)"
    output.say(said)
    sealed = f"sha256:{session['transcript']}" if session["transcript"] else "not over yet"
    output.say(f"ended: {session['because'] or 'it goes on'}; transcript {sealed}")
    if session["damage"]:
        raise Refused(session["damage"], "don't believe what is shown above", code="transcript-changed")


@click.group()
def taint() -> None:
    """Taints: machines that nobody can vouch for any more.

    \b
    Example:
      stoneware taint list
    """


@taint.command("list")
@options.deployment
@click.option("--all", "all_", is_flag=True, help="Also those of machines that are gone.")
@options.as_json
def list_taints(deployment: str | None, all_: bool, json_: bool) -> None:
    """List tainted machines, with who and why. Each is replaced as soon as nobody is in it.

    \b
    Example:
      stoneware taint list critter-junction
    """
    found = options.client().get("/v1/taints", deployment=deployment, ended=all_)
    if json_:
        output.show_json(found)
        return
    rows = [
        (
            t["machine"],
            t["source"],
            t["actor"],
            output.since(t["since"]),
            "gone" if t["ended_at"] else ("kept out of the traffic" if t["drained"] else "there"),
            t["reason"],
        )
        for t in found
    ]
    output.table(("machine", "from", "by", "age", "now", "reason"), rows, "no machine is tainted")
