"""The past, rebuilt: the ledger's entries are played from the first to the last that counts, and what is left is how it was.

An effect is entered before it happens, so a moment may say what was just about to be. What nobody did (a process that died) is in
no ledger, and so not in the past either.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from stoneware.decide.lifecycle import standing
from stoneware.decide.past_images import image_after
from stoneware.model.history import (
    DeploymentThen,
    DiskThen,
    ImageThen,
    MachineThen,
    Moment,
    OperationThen,
    RouteThen,
    SnapshotThen,
)
from stoneware.model.image import Image, ImageState
from stoneware.model.ledger import LedgerEntry
from stoneware.model.machine import Power
from stoneware.model.quantity import format_moment
from stoneware.model.release import Release
from stoneware.names import shadow_owner

T = TypeVar("T")
JITTER_S = 1.0
"""Entries of several threads may stand so much out of order by themselves."""
ENDS = frozenset({"succeeded", "reverted", "failed", "stuck"})


def moment(entries: Iterable[LedgerEntry], at: float) -> Moment:
    """How everything was at `at` (seconds since the epoch), after these entries, which are all from the first one on."""
    past = Past()
    for entry in entries:
        past.play(entry)
    return past.at(at)


@dataclass
class Past:
    """What there is while entries are played. `kept` has what was deleted, until it is clear that it is gone;
    `set_back` each entry at which the clock had been set back, with its time and that of the one before (seconds since the
    epoch)."""

    seq: int = 0
    written_at: float = 0.0
    set_back: list[tuple[int, float, float]] = field(default_factory=list)
    daemon: dict[str, str] = field(default_factory=dict)
    images: dict[str, Image] = field(default_factory=dict)
    manifests: dict[str, str] = field(default_factory=dict)
    current: dict[str, int | None] = field(default_factory=dict)
    operations: dict[str, OperationThen] = field(default_factory=dict)
    machines: dict[str, MachineThen] = field(default_factory=dict)
    disks: dict[str, DiskThen] = field(default_factory=dict)
    snapshots: dict[str, SnapshotThen] = field(default_factory=dict)
    routes: dict[str, RouteThen] = field(default_factory=dict)
    kept: dict[str, Any] = field(default_factory=dict)

    def play(self, entry: LedgerEntry) -> None:
        """One more entry. What tells nothing of how things are is passed over."""
        if entry.at < self.written_at - JITTER_S:
            self.set_back.append((entry.seq, entry.at, self.written_at))
        self.seq, self.written_at = entry.seq, entry.at
        noun, _, verb = entry.fact.verb.partition(".")
        played = {
            "image": self._image,
            "release": self._release,
            "machine": self._machine,
            "disk": self._disk,
            "snapshot": self._snapshot,
            "route": self._route,
            "daemon": self._daemon,
            "key": self._key,
        }.get(noun)
        if played:
            played(verb, entry)
        elif "operation" in entry.fact.details:
            self._operation(noun, verb, entry)

    def at(self, at: float) -> Moment:
        """What has come of it."""
        names = {*self.current, *(one.partition("#")[0] for one in self.manifests)}
        images = [one for one in self.images.values() if one.state is not ImageState.DELETED]
        images.sort(key=lambda one: (one.family, one.number is None, one.number or 0, one.created_at))
        found = [self._deployment(name) for name in sorted(names)]
        return Moment(
            at=at,
            seq=self.seq,
            daemon=self.daemon,
            deployments=tuple(one for one in found if _is_there(one)),
            images=tuple(ImageThen(image=one, effective=standing(one, at)) for one in images),
            disks=tuple(one for one in _by_name(self.disks) if not _is_any(names, one.owner)),
            snapshots=tuple(one for one in _by_name(self.snapshots) if not _is_any(names, one.owner)),
            notes=tuple(_came_twice(*one) for one in self.set_back if one[1] <= at < one[2]),
        )

    def _deployment(self, name: str) -> DeploymentThen:
        manifest = self.manifests.get(f"{name}#{self.current.get(name)}")
        return DeploymentThen(
            name=name,
            release=Release.model_validate_json(manifest) if manifest else None,
            operation=self.operations.get(name) or self.operations.get(shadow_owner(name)),
            machines=tuple(one for one in _by_name(self.machines) if _is_of(name, one.owner)),
            disks=tuple(one for one in _by_name(self.disks) if _is_of(name, one.owner)),
            snapshots=tuple(one for one in _by_name(self.snapshots) if _is_of(name, one.owner)),
            routes=tuple(one for key, one in sorted(self.routes.items()) if key.partition(".")[0] == name),
        )

    def _image(self, _verb: str, entry: LedgerEntry) -> None:
        digest = entry.fact.details.get("digest", "")
        image = image_after(self.images.get(digest), entry)
        if image is not None:
            self.images[digest] = image

    def _release(self, verb: str, entry: LedgerEntry) -> None:
        manifest = entry.fact.details.get("manifest")
        if verb == "create" and manifest:
            self.manifests[entry.fact.subject] = manifest

    def _operation(self, kind: str, verb: str, entry: LedgerEntry) -> None:
        fact = entry.fact
        if verb == "begin":
            self.operations[fact.subject] = OperationThen(
                id=fact.details["operation"],
                subject=fact.subject,
                actor=fact.actor,
                reason=fact.reason,
                began_at=entry.at,
            )
        elif verb == "step" and fact.subject in self.operations:
            state = {"state": fact.details["to"]}
            self.operations[fact.subject] = self.operations[fact.subject].model_copy(update=state)
        elif verb in ENDS:
            self.operations.pop(fact.subject, None)
            if (kind, verb) == ("rollout", "succeeded") and "target" in fact.details:
                self.current[fact.subject] = int(fact.details["target"])
            elif (kind, verb) == ("teardown", "succeeded"):
                self.current[fact.subject] = None

    def _machine(self, verb: str, entry: LedgerEntry) -> None:
        name, details = entry.fact.subject, entry.fact.details
        if verb == "create":
            self.machines[name] = MachineThen(
                name=name,
                owner=details.get("owner", ""),
                group=details.get("group", ""),
                release=int(details.get("release", 0)),
                index=int(details.get("index", 0)),
                digest=details["digest"],
                created_at=entry.at,
                operation=details.get("operation", ""),
            )
            return
        if verb not in ("stop", "start", "delete"):
            return  # a taint, a shell or a quarantine leaves it its disks
        self._let_go(name)
        self._back_in_traffic(name)
        if verb == "delete":
            self.machines.pop(name, None)
        elif name in self.machines:
            power = Power.STOPPED if verb == "stop" else Power.RUNNING
            self.machines[name] = self.machines[name].model_copy(update={"power": power})

    def _let_go(self, machine: str) -> None:
        for name, disk in self.disks.items():
            if disk.writer == machine:
                self.disks[name] = disk.model_copy(update={"writer": None})

    def _back_in_traffic(self, machine: str) -> None:
        """What is started under its name, or made anew, is kept away no more."""
        for service, route in self.routes.items():
            if machine in route.kept_away:
                left = tuple(one for one in route.kept_away if one != machine)
                self.routes[service] = route.model_copy(update={"kept_away": left})

    def _disk(self, verb: str, entry: LedgerEntry) -> None:
        name, details = entry.fact.subject, entry.fact.details
        schema = int(details["schema"]) if "schema" in details else None
        if verb in ("create", "clone") and name not in self.disks:
            self.disks[name] = DiskThen(
                name=name,
                owner=details.get("owner", ""),
                size_bytes=int(details.get("size_bytes", 0)),
                created_at=entry.at,
                data_schema=schema,
            )
        elif verb == "snapshot":
            owner = self.disks[name].owner if name in self.disks else ""
            taken = SnapshotThen(name=details["snapshot"], disk=name, owner=owner, created_at=entry.at)
            self.snapshots.setdefault(taken.name, taken)
        elif verb in ("delete", "keep"):
            self._delete(self.disks, verb, name)
        elif name in self.disks:
            changes: dict[str, dict[str, object]] = {
                "attach": {"writer": details.get("machine")},
                "detach": {"writer": None},
                "schema": {"data_schema": schema},
                "restore": {"data_schema": schema},
            }
            self.disks[name] = self.disks[name].model_copy(update=changes.get(verb, {}))

    def _snapshot(self, verb: str, entry: LedgerEntry) -> None:
        self._delete(self.snapshots, verb, entry.fact.subject)

    def _delete(self, known: dict[str, Any], verb: str, name: str) -> None:
        """What an engine refused to delete is there again."""
        if verb == "delete" and name in known:
            self.kept[name] = known.pop(name)
        elif verb == "keep" and name in self.kept:
            known[name] = self.kept.pop(name)

    def _route(self, verb: str, entry: LedgerEntry) -> None:
        service, details = entry.fact.subject, entry.fact.details
        before = self.routes.get(service) or RouteThen(service=service, since=entry.at)
        release = int(details.get("release", 0))
        match verb:
            case "remove":
                self.routes.pop(service, None)
            case "switch":
                away = before.kept_away
                self.routes[service] = RouteThen(service=service, release=release, kept_away=away, since=entry.at)
            case "share":
                percent = int(details["percent"])  # 0: a share that was left behind ended
                shares = {release: percent} if percent else {}
                self.routes[service] = before.model_copy(update={"shares": shares, "since": entry.at})
            case "mix":
                self.routes[service] = before.model_copy(update={"mixed": release, "since": entry.at})
            case "hold":
                self.routes[service] = before.model_copy(update={"held": True})
            case "drain":
                away = tuple(sorted({*before.kept_away, details["machine"]}))
                self.routes[service] = before.model_copy(update={"kept_away": away})

    def _daemon(self, verb: str, entry: LedgerEntry) -> None:
        self.daemon = dict(entry.fact.details) if verb == "start" else {}

    def _key(self, verb: str, entry: LedgerEntry) -> None:
        """Of a daemon that runs: the next one says itself whom it trusts."""
        known = set(filter(None, self.daemon.get("trusted_keys", "").split(", ")))
        known = known | {entry.fact.subject} if verb == "trust" else known - {entry.fact.subject}
        if self.daemon:
            self.daemon = {**self.daemon, "trusted_keys": ", ".join(sorted(known))}


def _came_twice(seq: int, at: float, before: float) -> str:
    return (
        f"this time came more than once: before entry {seq} the clock was set back, from {format_moment(before)} to "
        f"{format_moment(at)}; this is how it was the last time"
    )


def _is_there(one: DeploymentThen) -> bool:
    return bool(one.release or one.operation or one.machines or one.routes or one.disks or one.snapshots)


def _is_of(name: str, owner: str) -> bool:
    """What a rehearsal made belongs to a deployment, too."""
    return owner.partition(".")[0] == name


def _is_any(names: Iterable[str], owner: str) -> bool:
    return any(_is_of(name, owner) for name in names)


def _by_name(known: Mapping[str, T]) -> list[T]:
    return [one for _, one in sorted(known.items())]
