"""`stoneware bake`."""

from __future__ import annotations

from pathlib import Path

import click

from stoneware.cli import options, output, watching
from stoneware.errors import BadInput


@click.command()
@click.argument("families", nargs=-1)
@options.file
@options.reason
@click.option("--verbose", "-v", is_flag=True, help="Show everything that the recipe's steps print.")
@click.option(
    "--as",
    "deliver",
    metavar="FORMS",
    help="What to deliver, instead of what is declared: vm, container, or vm,container.",
)
@options.time_to_come("--deprecate-in", text="The family skips the image after this time, such as 30d.")
@options.time_to_come("--obsolete-in", text="New use of the image is refused after this time.")
@options.time_to_come("--delete-in", text="The image is deleted after this time, once nothing needs it.")
@options.no_wait
@options.as_json
def bake(
    families: tuple[str, ...],
    file_: Path,
    reason: str,
    verbose: bool,
    deliver: str | None,
    deprecate_in: str | None,
    obsolete_in: str | None,
    delete_in: str | None,
    no_wait: bool,
    json_: bool,
) -> None:
    """Bake FAMILIES (default: all that are declared): build, seal, boot, test, publish.

    The times count from publishing; when nothing changed, they are set anew for the image that there is.

    \b
    Example:
      stoneware bake critter-web --reason "nightly" --deprecate-in 30d
    """
    from stoneware.spec.load import load

    loaded = load(file_)
    wanted = families or tuple(loaded.document.images)
    unknown = [family for family in wanted if family not in loaded.document.images]
    if unknown or not wanted:
        known = ", ".join(loaded.document.images) or "none"
        raise BadInput(
            f"no image {', '.join(unknown)} is declared" if unknown else "no image is declared",
            (),
            f"declared: {known}",
        )
    forms = [form.strip() for form in deliver.split(",")] if deliver else None
    if forms and (not set(forms) <= {"vm", "container"} or len(set(forms)) != len(forms)):
        raise BadInput(f"--as {deliver} names no forms", (), "write vm, container, or vm,container")
    timers = {"deprecate_in": deprecate_in, "obsolete_in": obsolete_in, "delete_in": delete_in}
    client, ended = options.client(), []
    for family in wanted:
        body = {**options.declared(loaded, reason), "family": family, "deliver": forms, "timers": timers}
        operation = client.post("/v1/bakes", body, options.new_key())
        if not no_wait:
            operation = watching.follow(client, operation, quiet=json_, programs="all" if verbose else "tail")
            if not json_:
                output.say(operation["because"])
        elif not json_:
            output.say(f"{operation['id']} is under way")
        ended.append(operation)
    if json_:
        output.show_json(ended)
