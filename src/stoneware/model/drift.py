"""Drift: where what is differs from what is declared, with evidence and a remedy."""

from __future__ import annotations

from enum import StrEnum

from stoneware.model.noun import Noun


class View(StrEnum):
    """From where a difference was seen."""

    RESOURCES = "resources"
    FILES = "files"
    INSIDE = "inside"
    POLICY = "policy"


class Severity(StrEnum):
    """How bad: INFO wants nothing done, WARNING a person's eyes, CRITICAL means that the machine can't be trusted."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


class Policy(StrEnum):
    """What is done about a class of differences by itself."""

    IGNORE = "ignore"
    REPORT = "report"
    QUARANTINE = "quarantine"
    REPLACE = "replace"


class Drift(Noun):
    """One difference. `kind` is its class (`machine.missing`, `inside.port`), `subject` the machine, image, disk or service.

    `expected` and `found` are texts, `where` the place in it (a path, a port, a key), `since` when it was first seen, in
    seconds since the epoch. `remedy` is the command or the action that ends it: a replacement or a re-application.
    `made_at` tells the very machine that is meant from the next one of its name (0: it is about no machine that is there).
    `ignored` says why, and until when; `lapsed` that an ignore for it is over, so that it counts again.
    """

    kind: str
    view: View
    severity: Severity
    deployment: str
    subject: str
    expected: str
    found: str
    where: str = ""
    since: float
    remedy: str
    policy: Policy = Policy.REPORT
    ignored: str = ""
    lapsed: str = ""
    made_at: float = 0.0

    @property
    def key(self) -> tuple[str, str, str, str, float]:
        """What makes two sightings the same difference."""
        return (self.deployment, self.kind, self.subject, self.where, self.made_at)

    @property
    def counts(self) -> bool:
        """Whether anybody has to know of it: it isn't ignored."""
        return self.policy is not Policy.IGNORE


class DriftReport(Noun):
    """The verdict on a deployment. `drifts` are all differences that were seen often enough, the worst first, also ignored ones.

    `checked_at` is when the last look ended (None: nobody has looked yet), `seconds` what it took. `machines` is how many
    answered for what they run. `notes` say what couldn't be compared, and why: what isn't compared isn't known to be well. `whole`:
    whatever no operation works on was compared.
    `quarantined` are machines kept out of the traffic for inspection.
    """

    deployment: str
    release: int | None
    checked_at: float | None
    seconds: float = 0.0
    machines: int = 0
    drifts: tuple[Drift, ...] = ()
    notes: tuple[str, ...] = ()
    whole: bool = True
    quarantined: tuple[str, ...] = ()


class Quarantine(Noun):
    """A very machine (`made_at` tells which) that gets no traffic and is kept as it is, until a person lets it go.

    `released_at` is when that was; then housekeeping deletes it.
    """

    deployment: str
    machine: str
    made_at: float
    since: float
    why: str
    released_at: float | None = None
