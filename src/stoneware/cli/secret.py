"""`stoneware secret`."""

from __future__ import annotations

import base64
import sys
from pathlib import Path

import click

from stoneware.cli import options, output
from stoneware.model.secret import LARGEST_BYTES

secret_name = click.argument("name", shell_complete=options.completes("/v1/secrets"))


@click.group()
def secret() -> None:
    """Secrets: values that machines get and nobody is shown.

    \b
    Example:
      stoneware secret set db-password --file password.txt
    """


@secret.command("set")
@secret_name
@click.option(
    "--file",
    "-f",
    "file_",
    type=click.Path(path_type=Path, dir_okay=False, allow_dash=True),
    help="Read the value from a file, byte for byte; - is the standard input.",
)
@options.reason
@options.as_json
def set_secret(name: str, file_: Path | None, reason: str, json_: bool) -> None:
    """Set a secret, from a file, from what is piped in, or typed twice. It is never an argument: others could see those.

    A new value is a new version. Releases pin versions, so machines get it with the next deploy.

    \b
    Example:
      stoneware secret set db-password
      stoneware secret set tls-key --file server.key --reason "renewed"
      openssl rand -hex 16 | tr -d '\\n' | stoneware secret set session-key
    """
    value = _value(name, file_)
    if value.endswith(b"\n") and value.count(b"\n") == 1:
        click.echo("note: the value ends in a newline, which is part of it", err=True)
    body = {"value": base64.b64encode(value).decode(), "reason": reason}
    found = options.client().post(f"/v1/secrets/{name}", body)
    if json_:
        output.show_json(found)
        return
    version = f"{found['secret']['name']}/{found['secret']['version']}"
    output.say(f"{version} is set" if found["made"] else f"{version} has this value already; nothing was changed")


def _value(name: str, file_: Path | None) -> bytes:
    """The value as it is meant: bytes as they come, or what was typed without the key that ended it."""
    if file_ is not None and str(file_) != "-":
        with file_.open("rb") as source:
            return source.read(LARGEST_BYTES + 1)  # one more than may be: the daemon says so
    if file_ is not None or not sys.stdin.isatty():
        return sys.stdin.buffer.read(LARGEST_BYTES + 1)
    typed: str = click.prompt(f"value of {name}", hide_input=True, confirmation_prompt="once more", err=True)
    return typed.encode()


@secret.command("list")
@options.as_json
def list_secrets(json_: bool) -> None:
    """List secrets: the newest version of each, when it was set and by whom. Values are never shown.

    \b
    Example:
      stoneware secret list
    """
    found = options.client().get("/v1/secrets")
    if json_:
        output.show_json(found)
        return
    rows = [(one["name"], one["version"], output.since(one["created_at"]), one["actor"]) for one in found]
    output.table(("secret", "version", "age", "by"), rows, "no secrets")


@secret.command("delete")
@secret_name
@options.reason
@options.yes
@options.as_json
def delete_secret(name: str, reason: str, yes: bool, json_: bool) -> None:
    """Delete a secret with all its versions. Refused while a retained release pins one of them.

    \b
    Example:
      stoneware secret delete db-password --yes --reason "the database is gone"
    """
    options.agree(f"delete secret {name} for good?", yes, json_)
    options.client().delete(f"/v1/secrets/{name}", reason=reason)
    output.show_json({"deleted": name}) if json_ else output.say(f"secret {name} is deleted")
