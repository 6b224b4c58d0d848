"""`stoneware image deprecate`, `obsolete`, `restore`, `revoke`, `delete`: now, or at a time to come."""

from __future__ import annotations

from typing import Any

import click

from stoneware.cli import options, output
from stoneware.errors import BadInput

in_ = options.time_to_come("--in", "in_", text="Not now, but then, such as 30d; `never` takes that back.", never=True)


def _change(verb: str, image_ref: str, reason: str, json_: bool) -> None:
    _changed(options.client().post(f"/v1/images/{image_ref}/{verb}", {"reason": reason}), json_)


def _changed(image: dict[str, Any], json_: bool) -> None:
    if json_:
        output.show_json(image)
    else:
        output.say(f"{output.image_name(image)} is {output.image_state(image)}")


def _schedule(verb: str, image_ref: str, span: str, reason: str, json_: bool) -> None:
    body = {f"{verb}_in": span, "reason": reason}
    image = options.client().post(f"/v1/images/{image_ref}/timers", body)
    if json_:
        output.show_json(image)
        return
    at = image[f"{verb}_at"]
    when = "not to be" if at is None else f"{output.until(at)} to be"
    output.say(f"{output.image_name(image)} is {when} {verb}d, and {output.image_state(image)} now")


@click.command()
@options.image_ref
@in_
@options.reason
@options.as_json
def deprecate(image_ref: str, in_: str | None, reason: str, json_: bool) -> None:
    """The family skips it from now on, or from a time to come; its use gives a warning.

    \b
    Example:
      stoneware image deprecate critter-web/2 --reason "slow"
      stoneware image deprecate critter-web/2 --in 30d
    """
    _schedule("deprecate", image_ref, in_, reason, json_) if in_ else _change("deprecate", image_ref, reason, json_)


@click.command()
@options.image_ref
@in_
@options.reason
@options.as_json
def obsolete(image_ref: str, in_: str | None, reason: str, json_: bool) -> None:
    """New use is refused from now on, or from a time to come.

    \b
    Example:
      stoneware image obsolete critter-web/1 --in 90d --reason "older than our support"
    """
    _schedule("obsolete", image_ref, in_, reason, json_) if in_ else _change("obsolete", image_ref, reason, json_)


@click.command()
@options.image_ref
@click.option("--revoked", is_flag=True, help="Take its revocation back; that needs a reason.")
@options.reason
@options.as_json
def restore(image_ref: str, revoked: bool, reason: str, json_: bool) -> None:
    """Make it ACTIVE again. Timers that have come are taken away.

    A revoked image needs --revoked and a reason; what was made from it stays revoked.

    \b
    Example:
      stoneware image restore critter-web/2
      stoneware image restore critter-web/2 --revoked --reason "the report was wrong"
    """
    if not revoked:
        _change("restore", image_ref, reason, json_)
        return
    if not reason.strip():
        raise BadInput("a revocation is taken back only with a reason", next_step="say --reason TEXT")
    _changed(options.client().post(f"/v1/images/{image_ref}/reinstate", {"reason": reason}), json_)


@click.command()
@options.image_ref
@click.option("--reason", required=True, metavar="TEXT", help="Why; whoever is refused gets to read it.")
@options.as_json
def revoke(image_ref: str, reason: str, json_: bool) -> None:
    """Refuse all new use of it and of every image made from it. What runs goes on, and is listed.

    \b
    Example:
      stoneware image revoke critter-web/1 --reason "CVE-2026-1"
    """
    if not reason.strip():
        raise BadInput("a revocation needs a reason", next_step="say --reason TEXT")
    done = options.client().post(f"/v1/images/{image_ref}/revoke", {"reason": reason})
    if json_:
        output.show_json(done)
        return
    for one in done["revoked"]:
        output.say(f"{output.image_name(one)} is revoked: {one['revoked_reason']}")
    for title, key in (("machines that have it", "machines"), ("releases that pin it", "releases")):
        output.say(f"{title}: {', '.join(done[key]) or 'none'}")
    if done["operations"]:
        output.say(f"under way with it: {', '.join(done['operations'])}; `stoneware abort` turns one back")
    for note in done["notes"]:
        output.say(f"  ! {note}")
    if done["machines"]:
        output.say("these machines go on; deploy another image to replace them")


@click.command()
@options.image_ref
@in_
@options.reason
@options.yes
@options.as_json
def delete(image_ref: str, in_: str | None, reason: str, yes: bool, json_: bool) -> None:
    """Delete an image that nothing uses, now or at a time to come.

    With --in, it counts as OBSOLETE from then on, and is deleted as soon as nothing reaches it.

    \b
    Example:
      stoneware image delete critter-web/1 --yes
      stoneware image delete critter-web/1 --in 180d
    """
    if in_:
        _schedule("delete", image_ref, in_, reason, json_)
        return
    options.agree(f"delete {image_ref} for good?", yes, json_)
    options.client().delete(f"/v1/images/{image_ref}", reason=reason)
    output.show_json({"deleted": image_ref}) if json_ else output.say(f"{image_ref} is deleted")


STATES: tuple[click.Command, ...] = (deprecate, obsolete, restore, revoke, delete)
