"""`stoneware pause`, `resume`, `approve`, `abort`."""

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
}

OPERATION = re.compile(r"^(bake|rollout|teardown)-[0-9]+$")
"""The name of an operation: its kind and number. A deployment may end in a number, too."""


def _command(kind: str, text: str) -> click.Command:
    @click.command(kind, help=f"{text}\n\n\b\nExample:\n  stoneware {kind} critter-junction --reason lunch")
    @options.deployment
    @options.file
    @options.reason
    @options.as_json
    def command(deployment: str | None, file_: Path, reason: str, json_: bool) -> None:
        subject = deployment or options.pick_deployment(None, file_)
        place = "operations" if OPERATION.match(subject) else "deployments"
        record = options.client().post(f"/v1/{place}/{subject}/signals", {"kind": kind, "reason": reason})
        if json_:
            output.show_json(record)
        else:
            output.say(f"{record['id']} {SAID[kind]}")

    return command


pause = _command("pause", "Pause what is under way for DEPLOYMENT (or the operation of that name).")
resume = _command("resume", "Go on with what was paused.")
approve = _command("approve", "Say yes to what waits for a person.")
abort = _command("abort", "Turn back what is under way: a rollout to its old release, a bake to nothing.")
