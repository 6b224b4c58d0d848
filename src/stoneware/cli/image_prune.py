"""`stoneware image why-kept` and `prune`: what keeps images, and the end of what nothing keeps."""

from __future__ import annotations

from typing import Any

import click

from stoneware.cli import options, output


@click.command("why-kept")
@options.image_ref
@options.as_json
def why_kept(image_ref: str, json_: bool) -> None:
    """Say what keeps an image: machines, releases, operations, its family.

    \b
    Example:
      stoneware image why-kept critter-web/1
    """
    fate = options.client().get(f"/v1/images/{image_ref}/why-kept")
    if json_:
        output.show_json(fate)
        return
    for reason in fate["reasons"]:
        output.say(reason["text"])
    if not fate["reasons"]:
        output.say("nothing: prune deletes it" if fate["over"] else "nothing: prune deletes it when its time is over")
    output.say(f"its time is over: {fate['why']}" if fate["over"] else f"its time isn't over: {fate['why']}")


@click.command()
@click.option("--dry-run", is_flag=True, help="Only show what would go, and why the rest stays.")
@options.reason
@options.yes
@options.as_json
def prune(dry_run: bool, reason: str, yes: bool, json_: bool) -> None:
    """Delete the images whose time is over and that nothing reaches. Shows the plan first.

    The daemon does the same by itself now and then. `keep` in stoneware.yaml and the timers say when an image's time is over.

    \b
    Example:
      stoneware image prune --dry-run
    """
    client = options.client()
    plan = client.get("/v1/image-prune")
    if not json_:
        _show(plan)
    if dry_run or not plan["deletes"]:
        output.show_json({"plan": plan, "deleted": []}) if json_ else None
        return
    count = len(plan["deletes"])
    options.agree(f"delete {count} image{'s' if count > 1 else ''} for good?", yes, json_)
    seen = [one["digest"] for one in plan["deletes"]]
    deleted = client.post("/v1/image-prune", {"reason": reason, "seen": seen})["deleted"]
    if json_:
        output.show_json({"plan": plan, "deleted": deleted})
        return
    for one in deleted:
        output.say(f"{one['image']} is deleted")
    if len(deleted) < count:
        output.say(f"{count - len(deleted)} stay: something needs them again")


def _show(plan: dict[str, Any]) -> None:
    for one in plan["deletes"]:
        output.say(f"- {one['image']} ({output.size(one['size_bytes'])}): {one['why']}")
    for one in plan["keeps"]:
        reasons = [reason["text"] for reason in one["reasons"]]
        output.say(f"= {one['image']}: {'; '.join(reasons if one['over'] else [*reasons, one['why']])}")
    if not plan["deletes"]:
        output.say("nothing to delete")
