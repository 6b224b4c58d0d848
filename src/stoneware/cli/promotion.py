"""`stoneware promote` between environments, and `stoneware promotion`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from stoneware.cli import options, output, signals, watching
from stoneware.client import Client
from stoneware.errors import BadInput, Refused

identity = click.argument("promotion", shell_complete=options.completes("/v1/promotions", "id"))


@click.command()
@click.argument("names", nargs=-1, metavar="[DEPLOYMENT] | FROM TO [DEPLOYMENT]...")
@options.file
@click.option("--plan", "plan_", is_flag=True, help="Show what would change and how the gates are, and stop.")
@options.force
@options.reason
@options.yes
@options.no_wait
@options.as_json
def promote(
    names: tuple[str, ...],
    file_: Path,
    plan_: bool,
    force: tuple[str, ...],
    reason: str,
    yes: bool,
    no_wait: bool,
    json_: bool,
) -> None:
    """Bring what runs in environment FROM to environment TO: the same images by digest, with TO's own sizes, configuration and
    secrets. All deployments of both, or those that are named. Every gate that stoneware.yaml declares for TO has to hold; where it
    names an approval, the promotion waits for `stoneware promotion approve`.

    With one name or none: skip the waiting of a rollout that is under way. A canary gets all the traffic now, the watching of a
    release that has it ends.

    \b
    Example:
      stoneware promote staging production --plan
      stoneware promote staging production --yes --reason "version 2"
      stoneware promote critter-junction --reason "it looks well"
    """
    if len(names) < 2:
        if plan_ or force or yes or no_wait:
            raise click.UsageError("name the environments: stoneware promote FROM TO")
        signals.tell("promote", next(iter(names), None), file_, reason, json_)
        return
    client, wishes = options.client(), _wishes(names, file_, force, reason)
    plans = [client.post("/v1/promotion-plan", wish, limit_s=None) for wish in wishes]
    if not json_:
        for found in plans:
            show_promotion(found)
    elif plan_:
        output.show_json(plans)
    _must_open(plans)
    changing = [(wish, found) for wish, found in zip(wishes, plans, strict=True) if _changes(found)]
    if plan_:
        return
    if not changing:
        output.show_json({"promotions": []}) if json_ else output.say("nothing to do")
        return
    options.agree("promote?", yes, json_)
    made = [
        client.post("/v1/promotions", {**wish, "seen": found}, options.new_key(), limit_s=None)
        for wish, found in changing
    ]
    _finish(client, made, no_wait, json_)


def _wishes(names: tuple[str, ...], file_: Path, force: tuple[str, ...], reason: str) -> list[dict[str, Any]]:
    from stoneware.spec.load import load

    source, environment, *wanted = names
    loaded = load(file_)
    declared = loaded.document.environments
    for name in (source, environment):
        if name not in declared:
            known = ", ".join(declared) or "none"
            raise BadInput(
                f"{loaded.file} declares no environment {name}",
                next_step=f"it declares: {known}",
                code="environment-not-found",
            )
    common = {**options.declared(loaded, reason), "source": source, "environment": environment, "force": list(force)}
    return [{**common, "deployment": name} for name in wanted or declared[environment]]


def _changes(found: dict[str, Any]) -> bool:
    return options.changes(found["plan"])


def _must_open(plans: list[dict[str, Any]]) -> None:
    """Nothing begins while a gate of one of several deployments is closed."""
    shut = [
        f"{one['plan']['deployment']}: {gate['gate']}: {gate['says']}"
        for one in plans
        for gate in one["gates"]
        if not gate["holds"] and not gate["forced"] and gate["gate"] != "approval"
    ]
    if shut:
        hint = "wait, or put it right; an emergency: --force GATE --reason TEXT"
        raise Refused(f"a gate is closed: {'; '.join(shut)}", hint, code="gate-closed")


def show_promotion(found: dict[str, Any]) -> None:
    """What a promotion would do, and how each gate is."""
    output.say(f"{found['source']} release {found['source_release']} -> {found['plan']['deployment']}")
    output.show_plan(found["plan"])
    for gate in found["gates"]:
        mark = "holds" if gate["holds"] else "forced" if gate["forced"] else "closed"
        mark = "waits" if gate["gate"] == "approval" else mark
        output.say(f"  gate {gate['gate']} {mark}: {gate['says']}")


def _finish(client: Client, made: list[dict[str, Any]], no_wait: bool, json_: bool) -> None:
    """Follows what has begun, and says what waits."""
    for one in made:
        if one["operation"] and not no_wait:
            operation = client.get(f"/v1/operations/{one['operation']}")
            ended = watching.follow(client, operation, quiet=json_)
            if not json_:
                output.say(f"{_to(one)}: {ended['because']}")
        elif not json_:
            output.say(_state(one))
    if json_:
        output.show_json({"promotions": made})


def _to(one: dict[str, Any]) -> str:
    """The deployment that a promotion leads to."""
    return str(one["agreed"]["plan"]["deployment"])


def _state(one: dict[str, Any]) -> str:
    if one["state"] == "PENDING":
        wait = f"waits for role {one['role']}, {output.until(one['deadline'])} at the latest"
        return f"{one['id']} {wait}: `stoneware promotion approve {one['id']}`"
    if one["state"] == "STARTED":
        return f"{one['id']} is under way as {one['operation']}"
    why = f": {one['decided_because']}" if one["decided_because"] else ""
    return f"{one['id']} is {one['state']}{why}"


@click.group()
def promotion() -> None:
    """Promotions that were asked for: list, show, approve, reject.

    \b
    Example:
      stoneware promotion approve promotion-3 --reason "seen in staging"
    """


@promotion.command("list")
@options.as_json
def list_promotions(json_: bool) -> None:
    """List promotions, the newest first: what comes where, who asked, whose approval it waits for.

    \b
    Example:
      stoneware promotion list
    """
    found = options.client().get("/v1/promotions")
    if json_:
        output.show_json(found)
        return
    rows = [
        (
            one["id"],
            one["state"],
            f"{one['agreed']['source']}#{one['agreed']['source_release']}",
            _to(one),
            one["actor"],
            output.since(one["created_at"]),
            one["role"] if one["state"] == "PENDING" else one["decided_by"],
        )
        for one in found
    ]
    output.table(("promotion", "state", "from", "to", "by", "age", "decision"), rows, "no promotions")


@promotion.command("show")
@identity
@options.as_json
def show(promotion: str, json_: bool) -> None:
    """Show a promotion: what was agreed to, how the gates were then, and what became of it.

    \b
    Example:
      stoneware promotion show promotion-3
    """
    found = options.client().get(f"/v1/promotions/{promotion}")
    output.show_json(found) if json_ else _show(found)


def _show(found: dict[str, Any]) -> None:
    why = f": {found['reason']}" if found["reason"] else ""
    output.say(f"{found['id']}, asked for by {found['actor']} {output.since(found['created_at'])} ago{why}")
    show_promotion(found["agreed"])
    output.say(_state(found))
    if found["decided_by"]:
        output.say(f"decided by {found['decided_by']} {output.since(found['decided_at'])} ago")


@promotion.command("approve")
@identity
@options.reason
@options.yes
@options.no_wait
@options.as_json
def approve(promotion: str, reason: str, yes: bool, no_wait: bool, json_: bool) -> None:
    """Agree to a promotion that waits for a role that you have. Its gates are asked once more, then its rollout begins.

    Not to your own. It is refused when the environment that it comes from has moved on to other images.

    \b
    Example:
      stoneware promotion approve promotion-3 --reason "seen in staging"
    """
    client = options.client()
    if not json_:
        _show(client.get(f"/v1/promotions/{promotion}"))
    options.agree("approve?", yes, json_)
    made = client.post(f"/v1/promotions/{promotion}/approve", {"reason": reason}, limit_s=None)
    _finish(client, [made], no_wait, json_)


@promotion.command("reject")
@identity
@click.option("--reason", required=True, metavar="TEXT", help="Why; it goes into the ledger.")
@options.as_json
def reject(promotion: str, reason: str, json_: bool) -> None:
    """Say no to a promotion that waits for a role that you have, or take your own back.

    \b
    Example:
      stoneware promotion reject promotion-3 --reason "not before the holidays"
    """
    found = options.client().post(f"/v1/promotions/{promotion}/reject", {"reason": reason})
    output.show_json(found) if json_ else output.say(_state(found))
