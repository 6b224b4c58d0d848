"""`stoneware role`."""

from __future__ import annotations

import click

from stoneware.cli import options, output

role_name = click.argument("role")
actor_name = click.argument("actor", metavar="ACTOR")


@click.group()
def role() -> None:
    """Roles: who may approve promotions. They belong to this installation; stoneware.yaml only names them.

    \b
    Example:
      stoneware role grant release-manager ann@host --reason "on duty"
    """


@role.command("list")
@click.argument("role", required=False)
@options.as_json
def list_roles(role: str | None, json_: bool) -> None:
    """List who has which role, since when and by whom.

    \b
    Example:
      stoneware role list release-manager
    """
    found = options.client().get("/v1/roles", role=role)
    if json_:
        output.show_json(found)
        return
    rows = [(one["role"], one["actor"], output.since(one["since"]), one["granted_by"]) for one in found]
    output.table(
        ("role", "who", "age", "granted by"), rows, "nobody has a role" if role is None else f"nobody has {role}"
    )


@role.command("grant")
@role_name
@actor_name
@options.reason
@options.as_json
def grant(role: str, actor: str, reason: str, json_: bool) -> None:
    """Give a role to ACTOR, written as the ledger names people: NAME@HOST.

    \b
    Example:
      stoneware role grant release-manager ann@host --reason "on duty"
    """
    found = options.client().post(f"/v1/roles/{role}", {"actor": actor, "reason": reason})
    output.show_json(found) if json_ else output.say(f"{actor} has role {role}, granted by {found['granted_by']}")


@role.command("revoke")
@role_name
@actor_name
@options.reason
@options.as_json
def revoke(role: str, actor: str, reason: str, json_: bool) -> None:
    """Take a role from ACTOR. What was approved stays so.

    \b
    Example:
      stoneware role revoke release-manager ann@host --reason "off duty"
    """
    options.client().delete(f"/v1/roles/{role}", member=actor, reason=reason)
    output.show_json({"revoked": role, "from": actor}) if json_ else output.say(f"{actor} hasn't role {role} any more")
