"""`stoneware pause`, `resume`, `approve`, `abort`."""

from __future__ import annotations

from pathlib import Path

import click

from stoneware.cli import options, output

SAID = {
    "pause": "pauses at its next step",
    "resume": "goes on",
    "approve": "goes on",
    "abort": "turns back",
}


def _command(kind: str, text: str) -> click.Command:
    @click.command(kind, help=f"{text}\n\n\b\nExample:\n  stoneware {kind} critter-junction --reason lunch")
    @options.deployment
    @options.file
    @options.reason
    @options.as_json
    def command(deployment: str | None, file_: Path, reason: str, json_: bool) -> None:
        subject = deployment or options.pick_deployment(None, file_)
        path = f"/v1/operations/{subject}/signals" if "-" in subject and subject.rpartition("-")[2].isdigit() else ""
        body = {"kind": kind, "reason": reason}
        record = options.client().post(path or f"/v1/deployments/{subject}/signals", body)
        if json_:
            output.show_json(record)
        else:
            output.say(f"{record['id']} {SAID[kind]}")

    return command


pause = _command("pause", "Pause what is under way for DEPLOYMENT (or the operation of that name).")
resume = _command("resume", "Go on with what was paused.")
approve = _command("approve", "Say yes to what waits for a person.")
abort = _command("abort", "Turn back what is under way: a rollout to its old release, a bake to nothing.")
