"""A page for each class of drift, written from the table of classes: what it means, what Stoneware does, and what ends it."""

from __future__ import annotations

from stoneware.model.drift import Policy, Severity
from stoneware.model.drift_classes import CLASSES, About

SEVERITIES = {
    Severity.CRITICAL: "it can't be trusted as it is",
    Severity.WARNING: "somebody should look at it",
    Severity.INFO: "it wants nothing done",
}
DOES = {
    Policy.IGNORE: "lets it pass",
    Policy.REPORT: "reports it, and changes nothing",
    Policy.QUARANTINE: "makes the group anew, and keeps the machine without traffic, to be looked at",
    Policy.REPLACE: "puts it right by itself: machines are made anew within the group's budget, routes are set again",
}
BY_ITSELF = {
    "machine.missing": "reports it; the machine is made anew by itself as any that died, whatever the policy",
    "release.changed": "reports it, and mends nothing of the deployment meanwhile",
}
"""Where more or less is done than the policy says."""

REMEDIES: dict[About, str] = {
    "machine": "make the machine anew from its image: declare the policy `replace` or `quarantine` for it, and deploy",
    "place": "wait: the machine is made anew by itself; `stoneware explain MACHINE` says how far it is",
    "route": "wait: the route is set again by itself, unless the policy is `report`; then declare `replace`, and deploy",
}
"""Of things and records, each class has its own."""

REMEDY = {
    "machine.extra": "find out who made the machine, and end it",
    "disk.missing": "put it back from a snapshot (`stoneware disk snapshots` lists them), or deploy again, which makes it empty",
    "disk.extra": "find out who made the disk; `stoneware disk delete` takes it away",
    "disk.size": "declare the size that it has: a disk keeps its size",
    "disk.writer": "make the machine that has it anew: the disk goes to its own machine",
    "route.extra": "find out who made the service, and end it",
    "release.changed": "`stoneware ledger verify` says whether the ledger holds; then deploy again",
    "ledger.broken": "`stoneware ledger verify` names the entry; compare with an export or a checkpoint kept elsewhere",
    "operation.forged": "find out who wrote into the database; nothing was done because of it",
    "installation.changed": "`stoneware ledger show --subject SUBJECT` says what was decided: decide it again (`stoneware role`, "
    "`trigger`, `key`, or `keep` in the declaration)",
    "clock.back": "find out who set the clock back, and set it right",
    "image.file": "`stoneware bake` makes the image again; then deploy it",
    "image.changed": "`stoneware ledger show --subject IMAGE` says what was decided: decide it again",
    "policy.revoked": "bake without what is wrong, and deploy that image",
    "policy.obsolete": "deploy another image of the family, or `stoneware image restore` this one",
    "policy.deprecated": "deploy the image that the family resolves to",
    "policy.unpromoted": "deploy it in the environment before, then `stoneware promote`",
    "policy.base-outdated": "`stoneware bake` takes the newer base; then deploy",
}


def class_page(kind: str) -> str:
    """The page of a known class of drift, in the shape of the pages of codes."""
    known = CLASSES[kind]
    others = [policy for policy in known.may_be if policy not in (known.policy, Policy.IGNORE)]
    declare = f"`drift.policy` can say {' or '.join(others)} instead. " if others else ""
    let_pass = "`drift.ignore` lets it pass for a time." if Policy.IGNORE in known.may_be else "It can't be let pass."
    looks = f"{known.looks} looks in a row show it" if known.looks > 1 else "one look shows it"
    return (
        f"{kind}: {known.means}\n\n"
        f"A class of drift ({known.view}). Severity {known.severity}: {SEVERITIES[known.severity]}. It counts when {looks}.\n\n"
        f"By default: Stoneware {BY_ITSELF.get(kind) or DOES[known.policy]}. {declare}{let_pass}\n\n"
        f"What to do: {remedy_of(kind)}.\n"
    )


def remedy_of(kind: str) -> str:
    """What ends a difference of this class."""
    return REMEDY[kind] if kind in REMEDY else REMEDIES[CLASSES[kind].about]
