"""`stoneware pause`, `resume`, `approve`, `retry`, `abort`; and what `promote` tells a rollout that is under way."""

from __future__ import annotations

import re
from pathlib import Path

import click

from stoneware.cli import options, output

SAID = {
    "pause": "pauses at its next step",
    "resume": "goes on",
    "approve": "goes on",
    "abort": "turns back",
    "promote": "goes on without waiting",
    "retry": "tries again",
}

WAITS = ("approve", "promote", "retry")
"""What a paused operation heeds only when it goes on."""

OPERATION = re.compile(r"^(bake|build|rollout|teardown|rehearsal)-[0-9]+$")
"""The name of an operation: its kind and number. A deployment may end in a number, too."""


def _command(kind: str, text: str) -> click.Command:
    @click.command(kind, help=f"{text}\n\n\b\nExample:\n  stoneware {kind} critter-junction --reason lunch")
    @options.deployment
    @options.file
    @options.reason
    @options.as_json
    def command(deployment: str | None, file_: Path, reason: str, json_: bool) -> None:
        tell(kind, deployment, file_, reason, json_)

    return command


def tell(kind: str, deployment: str | None, file_: Path, reason: str, json_: bool, force: tuple[str, ...] = ()) -> None:
    """Sends a signal to what is under way for a deployment, or to the operation of that name."""
    subject = deployment or options.pick_deployment(None, file_)
    place = "operations" if OPERATION.match(subject) else "deployments"
    body = {"kind": kind, "reason": reason, "force": list(force)}
    record = options.client().post(f"/v1/{place}/{subject}/signals", body, options.new_key())
    if json_:
        output.show_json(record)
    else:
        paused = " when it is resumed: `stoneware resume`" if record["paused"] and kind in WAITS else ""
        output.say(f"{record['id']} {SAID[kind]}{paused}")


pause = _command("pause", "Pause what is under way for DEPLOYMENT (or the operation of that name).")
resume = _command("resume", "Go on with what was paused.")
approve = _command("approve", "Say yes to what waits for a person.")
abort = _command("abort", "Turn back what is under way: a rollout to its old release, a bake to nothing.")


@click.command("retry")
@options.deployment
@options.file
@options.force
@options.reason
@options.as_json
def retry(deployment: str | None, file_: Path, force: tuple[str, ...], reason: str, json_: bool) -> None:
    """Try again what failed or is in doubt; start a rollout that went back once more.

    \b
    Example:
      stoneware retry critter-junction --reason lunch
    """
    tell("retry", deployment, file_, reason, json_, force)
