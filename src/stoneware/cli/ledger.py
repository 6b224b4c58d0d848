"""`stoneware ledger`."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import click

from stoneware.cli import options, output
from stoneware.errors import BadInput
from stoneware.model.quantity import counted

PAGE = 1000
MOST_LETTERS = 60


@click.group()
def ledger() -> None:
    """The ledger: what happened, in a chain that can be checked.

    \b
    Example:
      stoneware ledger verify
    """


@ledger.command("show")
@click.option(
    "--subject",
    help="Only what concerns this, such as critter-web or critter-junction#3.",
    shell_complete=options.anything,
)
@click.option("--verb", help="Only this, such as image.publish, or all of a noun, such as image.")
@options.moment("--since", text="Only what was entered since then, such as 2026-11-24 or '2h ago'.")
@click.option("--after", default=0, help="Only entries after this number.")
@options.how_many(100, "How many entries.")
@options.as_json
def show_ledger(
    subject: str | None, verb: str | None, since: float | None, after: int, limit: int, json_: bool
) -> None:
    """Show entries in order.

    \b
    Example:
      stoneware ledger show --subject critter-web
      stoneware ledger show --verb release.create --since "7d ago"
    """
    found = options.client().get("/v1/ledger", subject=subject, verb=verb, since=since, after=after, limit=limit)
    if json_:
        output.show_json(found)
        return
    rows = [
        (
            e["seq"],
            time.strftime("%F %T", time.localtime(e["at"])),
            e["fact"]["verb"],
            e["fact"]["subject"],
            e["fact"]["actor"],
            e["fact"]["reason"],
            _details(e["fact"]["details"]),
        )
        for e in found
    ]
    output.table(("", "at", "what", "of", "by", "reason", "details"), rows, "the ledger has no such entry")


def _details(details: dict[str, str]) -> str:
    """Short, on one line: a manifest is for `--json`."""
    return ", ".join(
        f"{key} {value[:19] if value.startswith('sha256:') else value[:MOST_LETTERS]}"
        for key, value in details.items()
        if key != "manifest"
    )


@ledger.command()
@click.option(
    "--checkpoint",
    "checkpoints",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    multiple=True,
    help="Checkpoints that were kept elsewhere, to compare with.",
)
@click.option(
    "--file",
    "-f",
    "file_",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="An exported ledger; no daemon is asked.",
)
@click.option(
    "--key",
    "keys",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    multiple=True,
    help="With --file: whose checkpoints count (default: this installation's).",
)
@options.as_json
def verify(checkpoints: tuple[Path, ...], file_: Path | None, keys: tuple[Path, ...], json_: bool) -> None:
    """Check that no entry was changed, removed, reordered or put in between. Exit code 1 when one was, which is named.

    \b
    Example:
      stoneware ledger verify --checkpoint /mnt/elsewhere/ledger-checkpoints.jsonl
      stoneware ledger verify --file ledger.jsonl --key theirs.pub
    """
    lines = [line for path in checkpoints for line in path.read_text(errors="replace").splitlines() if line.strip()]
    if file_ is not None:
        found = _prove_file(file_, keys, lines)
    elif keys:
        raise BadInput("--key is for a ledger in a file", next_step="name it with --file")
    else:
        found = options.client().post("/v1/ledger/verdict", {"lines": lines}, limit_s=None)
    if json_:
        output.show_json(found)
    else:
        good = f"the chain holds: {_entries(found['entries'])}, {counted(found['checkpoints'], 'checkpoint')}"
        output.say(found["problem"] or good)
    if found["problem"]:
        raise click.exceptions.Exit(1)


def _prove_file(path: Path, keys: tuple[Path, ...], lines: list[str]) -> dict[str, Any]:
    from stoneware.host.home import default_home
    from stoneware.host.signing_key import read_public
    from stoneware.operations.ledger_proof import prove_file

    own = default_home().public_key
    if not keys and not own.exists():
        raise BadInput(
            "whose checkpoints count? There is no installation here",
            next_step="give its public key with --key; `stoneware key show` prints it there",
        )
    public = [read_public(one.read_text(errors="replace"), str(one)) for one in keys or (own,)]
    verdict = prove_file(path, {key.id: key for key in public}, lines, "--checkpoint")
    return verdict.model_dump(mode="json")


@ledger.command()
@options.as_json
def checkpoint(json_: bool) -> None:
    """Sign where the ledger ends now. The line is kept in the home; keep it elsewhere, too: then nobody can write it all anew.

    \b
    Example:
      stoneware ledger checkpoint >> /mnt/elsewhere/checkpoints.jsonl
    """
    found = options.client().post("/v1/ledger/checkpoints", {})
    output.show_json(found) if json_ else output.say(found["line"])


@ledger.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@options.as_json
def export(file: Path, json_: bool) -> None:
    """Write the whole ledger and its checkpoints to FILE, a JSON object a line. Who has the public key can verify it anywhere.

    \b
    Example:
      stoneware ledger export ledger.jsonl
    """
    from stoneware.operations.ledger_proof import entry_line

    client = options.client()
    last = client.post("/v1/ledger/checkpoints", {})["checkpoint"]["seq"]
    part = file.with_name(f".{file.name}.part")
    try:
        with part.open("w", encoding="utf-8") as out:
            after = 0
            while after < last:
                page = client.get("/v1/ledger", after=after, limit=min(PAGE, last - after))
                out.writelines(f"{entry_line(entry)}\n" for entry in page)
                after = page[-1]["seq"] if page else last
            out.writelines(f"{line}\n" for line in client.get("/v1/ledger/checkpoints"))
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)
    found = {"file": str(file), "entries": last}
    output.show_json(found) if json_ else output.say(f"{file} holds {_entries(last)}")


def _entries(number: int) -> str:
    return "1 entry" if number == 1 else f"{number} entries"
