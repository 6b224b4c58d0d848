"""Drift as facts lead to it: what must be told, and what must not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.support.simulation import manifest
from tests.support.specs import spec

from stoneware.decide.drift.inside import MOST_PLACES
from stoneware.decide.drift.looks import Looks, after
from stoneware.decide.drift.remedy import remedies
from stoneware.decide.drift.sight import ImageFacts, Sight
from stoneware.decide.drift.strangers import stranger_drifts
from stoneware.decide.drift.verdict import differences, judged
from stoneware.decide.fleet import pin, pool_label, wanted_machines
from stoneware.engines.fake_attest import healthy_inside
from stoneware.model.drift import Drift, Policy, Severity
from stoneware.model.drift_classes import CLASSES
from stoneware.model.drift_spec import DriftSpec
from stoneware.model.evidence import Evidence, Inside
from stoneware.model.image import Image, ImageState
from stoneware.model.machine import Machine, Phase, Power
from stoneware.model.release import Release
from stoneware.model.route import MemberState, MemberView, PoolView, RouteView

NOW = 1_700_000_000.0
MANIFEST = manifest("web", 1)
IMAGE = Image(digest=MANIFEST.digest, family="web", number=1, state=ImageState.ACTIVE, created_at=NOW, state_at=NOW)
HEALTHY = healthy_inside((80,), ("0" * 64,))
NAME = "town-web-r1-0"


def release(
    number: int = 1, size: int = 2, max_age: float | None = None, fleet: int | None = None, disks: bool = False
) -> Release:
    declared = spec(size, disks)
    group = declared.groups["web"].model_copy(update={"max_age": max_age})
    declared = declared.model_copy(update={"groups": {"web": group}})
    groups = pin(declared, {"web": IMAGE}, fleet or number, ())
    return Release(deployment="town", number=number, created_at=NOW, actor="ann", spec=declared, groups=groups)


def machine(name: str, **changes: Any) -> Machine:
    index = int(name.rpartition("-")[2])
    whole = {
        "name": name,
        "owner": "town",
        "group": "web",
        "fleet": int(name.split("-r")[1].partition("-")[0]),
        "index": index,
        "digest": MANIFEST.digest,
        "power": Power.RUNNING,
        "phase": Phase.SERVING,
        "created_at": NOW,
        "addresses": {80: f"127.0.0.1:{4000 + index}"},
        "cpus": 1,
        "memory_bytes": 512 * 2**20,
    }
    return Machine(**(whole | changes))


def sight(of: Release | None = None, **changes: Any) -> Sight:
    """A healthy deployment, with some facts changed. `machines` and `evidence` are added to those that are there."""
    current = of or release()
    wanted = wanted_machines(current, "web")
    machines = {one.name: machine(one.name) for one in wanted} | changes.pop("machines", {})
    evidence = {
        one.name: Evidence(
            machine=one.name,
            run="1",
            at=NOW,
            digest=one.digest,
            cpus=one.cpus,
            memory_bytes=one.memory_bytes,
            inside=HEALTHY,
            made_from=one,
        )
        for one in wanted
    } | changes.pop("evidence", {})
    members = tuple(
        MemberView(machine=one.name, address=machine(one.name).addresses[80], state=MemberState.UP) for one in wanted
    )
    pools = {"A": PoolView(fleet=pool_label(current, "play"), members=members)}
    view = RouteView(service="town.play", listen="127.0.0.1:8080", active="A", held=False, pools=pools)
    images = {MANIFEST.digest: ImageFacts(IMAGE, MANIFEST, HEALTHY)}
    facts: dict[str, Any] = {
        "now": NOW,
        "machines": {name: one for name, one in machines.items() if one},
        "disks": {},
        "routes": {"play": view},
        "evidence": evidence,
        "images": images,
        "last_number": current.number,
        "retained": (current,),
    }
    return Sight(release=current, **(facts | changes))


def kinds(of: Sight) -> list[str]:
    return sorted(one.kind for one in differences(of))


def said(inside: Inside | None, **changes: Any) -> dict[str, Evidence]:
    """What the first machine says."""
    return {NAME: sight().evidence[NAME].model_copy(update={"inside": inside, **changes})}


def without(**gone: Any) -> Inside:
    return HEALTHY.model_copy(update=gone)


def test_a_healthy_deployment_differs_in_nothing() -> None:
    assert differences(sight()) == []


STOPPED = {"power": Power.STOPPED, "phase": Phase.UNKNOWN}
OLD = release(1)
NEW = release(3, fleet=3)

NO_DRIFT: dict[str, Callable[[], Sight]] = {
    "a machine of a retained release that was left running on record": lambda: sight(
        NEW, machines={NAME: machine(NAME)}, retained=(OLD, NEW), last_number=3, started=frozenset({NAME})
    ),
    "a warm machine of a retained release while an operation is under way": lambda: sight(
        NEW, machines={NAME: machine(NAME)}, retained=(OLD, NEW), last_number=3, busy="rollout-7"
    ),
    "a stopped machine of a release that is forgotten": lambda: sight(
        NEW, machines={NAME: machine(NAME, **STOPPED)}, last_number=3
    ),
    "a stopped machine beyond a size that was larger": lambda: sight(
        machines={"town-web-r1-5": machine("town-web-r1-5", **STOPPED)}
    ),
    "a machine kept for inspection": lambda: sight(
        NEW, machines={NAME: machine(NAME)}, last_number=3, aside=frozenset({NAME})
    ),
    "a machine that is gone while an operation is under way": lambda: sight(machines={NAME: None}, busy="rollout-7"),
    "a disk that comes while an operation is under way": lambda: sight(
        release(disks=True), evidence=said(without(mounted=("/var/lib/app",))), busy="rollout-7"
    ),
    "a disk that goes while an operation is under way": lambda: sight(
        release(disks=True), evidence=said(without(unmounted=("/var/lib/app",))), busy="rollout-7"
    ),
    "an application that stops while an operation is under way": lambda: sight(
        evidence=said(without(listening=(), units=())), busy="rollout-7"
    ),
    "a machine that is silent while an operation is under way": lambda: sight(evidence=said(None), busy="rollout-7"),
    "a machine that boots": lambda: sight(
        machines={NAME: machine(NAME, phase=Phase.BOOTING)}, evidence=said(None, silence="it boots")
    ),
    "a service that could not be read": lambda: sight(routes={}),
    "disks that could not be listed": lambda: sight(disks=None),
    "a machine that could not be asked": lambda: sight(evidence={}),
    "an image without a record": lambda: sight(
        images={MANIFEST.digest: ImageFacts(IMAGE, MANIFEST)}, evidence=said(without(units=("x.service",)))
    ),
    "a clock that was put right by a little": lambda: sight(written_at=NOW + 3),
    "lists that are cut short lack nothing": lambda: sight(
        evidence=said(without(units=(), listening=(), complete=False))
    ),
    "a declared port that the boot test's machine didn't have": lambda: sight(
        images={MANIFEST.digest: ImageFacts(IMAGE, MANIFEST, without(listening=()))}
    ),
}


def silent(**changes: Any) -> Sight:
    """A machine that answered once and doesn't any more, and whose process works on another file besides."""
    machines = {NAME: machine(NAME, phase=Phase.UNKNOWN)}
    return sight(machines=machines, evidence=said(None, opened=("another file",)), **changes)


def test_a_machine_that_falls_silent_hides_nothing_by_it() -> None:
    assert kinds(silent()) == ["inside.silent", "machine.files"]
    assert kinds(silent(busy="rollout-7")) == []


@pytest.mark.parametrize("facts", NO_DRIFT.values(), ids=NO_DRIFT)
def test_it_is_no_drift(facts: Callable[[], Sight]) -> None:
    assert kinds(facts()) == []


DRIFT: dict[str, tuple[Callable[[], Sight], list[str]]] = {
    "a machine that never came": (lambda: sight(machines={NAME: None}, routes={}), ["machine.missing"]),
    "a machine of a retained release that nobody started on record": (
        lambda: sight(NEW, machines={NAME: machine(NAME)}, retained=(OLD, NEW), last_number=3),
        ["machine.extra"],
    ),
    "a running machine of a forgotten release": (
        lambda: sight(NEW, machines={NAME: machine(NAME)}, last_number=3),
        ["machine.extra"],
    ),
    "a stopped machine of a release to come": (
        lambda: sight(machines={"town-web-r9-0": machine("town-web-r9-0", **STOPPED)}),
        ["machine.extra"],
    ),
    "a machine older than allowed": (
        lambda: sight(release(max_age=3600.0), now=NOW + 3601),
        ["policy.too-old", "policy.too-old"],
    ),
    "a base with a newer version": (
        lambda: sight(images={MANIFEST.digest: ImageFacts(IMAGE, MANIFEST, HEALTHY, newer_base="sha256:1")}),
        ["policy.base-outdated"],
    ),
    "a file while an operation is under way": (
        lambda: sight(evidence=said(without(written=("/etc/motd",))), busy="rollout-7"),
        ["inside.written"],
    ),
    "an image while an operation is under way": (
        lambda: sight(images={MANIFEST.digest: ImageFacts(IMAGE, MANIFEST, HEALTHY, damage="x")}, busy="rollout-7"),
        ["image.file"],
    ),
    "a login of a machine that is tainted is told by the taint": (
        lambda: sight(evidence=said(without(sessions=("root",))), taints={NAME: "shell by ann"}),
        ["machine.tainted"],
    ),
    "a port of the host that leads to a machine": (
        lambda: sight(evidence=said(HEALTHY, reached=("127.0.0.1:9999",))),
        ["machine.address"],
    ),
    "clients that stay where nobody declared it": (
        lambda: sight(routes={"play": sight().routes["play"].model_copy(update={"sticky": True})}),  # type: ignore[union-attr]
        ["route.changed"],
    ),
    "what somebody told the proxy": (
        lambda: sight(
            routes={"play": sight().routes["play"].model_copy(update={"strange": ("a has weight 0", "b too")})}  # type: ignore[union-attr]
        ),
        ["route.changed", "route.changed"],
    ),
    "a service that nobody declared": (lambda: sight(extra_services=("town.evil",)), ["route.extra"]),
    "a clock that was set back": (lambda: sight(written_at=NOW + 60), ["clock.back"]),
    "an image of which something else was decided": (
        lambda: sight(
            images={
                MANIFEST.digest: ImageFacts(IMAGE, MANIFEST, HEALTHY, row=IMAGE.model_copy(update={"delete_at": 1.0}))
            }
        ),
        ["image.changed"],
    ),
    "a release that isn't what the ledger says": (lambda: sight(altered=("spec.drift",)), ["release.changed"]),
    "a release that isn't what an old entry says": (
        lambda: sight(on_record={"web": "web/1 sha256:other"}),
        ["release.changed"],
    ),
}


@pytest.mark.parametrize(("facts", "expected"), DRIFT.values(), ids=DRIFT)
def test_it_is_drift(facts: Callable[[], Sight], expected: list[str]) -> None:
    assert kinds(facts()) == expected


def test_a_program_from_memory_is_worse_than_one_of_the_image() -> None:
    programs = (*HEALTHY.programs, "/usr/bin/nc", "/dev/shm/x", "/usr/bin/sh (deleted)")
    found = {one.where: one.severity for one in differences(sight(evidence=said(without(programs=programs))))}
    bad = Severity.CRITICAL
    assert found == {"/usr/bin/nc": Severity.WARNING, "/dev/shm/x": bad, "/usr/bin/sh (deleted)": bad}


def test_ten_thousand_files_are_told_in_a_few_words() -> None:
    written = tuple(f"/usr/lib/{n:05}" for n in range(10_000))
    found = differences(sight(evidence=said(without(written=written))))
    assert len(found) == MOST_PLACES + 1
    assert found[-1].found == "written, in 9980 more places"


def test_a_configuration_is_told_without_its_values() -> None:
    made = wanted_machines(release(), "web")[0].model_copy(update={"config": {"TOKEN": "hunter2"}})
    [found] = differences(sight(evidence=said(HEALTHY, made_from=made)))
    assert (found.kind, found.where, found.expected, found.found) == (
        "machine.configuration",
        "config.TOKEN",
        "not set",
        "set",
    )


# From look to look ---------------------------------------------------------------------------------------------------


def drift(kind: str = "inside.port", subject: str = NAME, **changes: Any) -> Drift:
    return sight().differs(kind, subject, "a", "b").model_copy(update=changes)


@pytest.mark.parametrize("kind", CLASSES)
def test_it_counts_after_as_many_looks_as_its_class_asks_for(kind: str) -> None:
    looks = Looks()
    for turn in range(1, CLASSES[kind].looks + 2):
        looks = after(looks, [drift(kind, since=NOW + turn)])
        assert bool(looks.drifts) is (turn >= CLASSES[kind].looks)
        assert bool(looks.begun) is (turn == CLASSES[kind].looks)
        assert looks.in_doubt is (turn < CLASSES[kind].looks)
    assert looks.drifts[0].since == NOW + 1
    over = after(looks, [])
    assert (over.drifts, [one.kind for one in over.ended]) == ([], [kind])


def test_what_could_not_be_seen_stays_but_doubts_do_not() -> None:
    looks = after(after(Looks(), [drift()]), [drift(), drift(subject="town-web-r1-1")])
    stays = after(looks, [], lambda _: True)
    assert [one.subject for one in stays.drifts] == [NAME]
    assert not stays.in_doubt


def test_the_same_in_a_machine_made_since_is_another_difference() -> None:
    looks = after(after(Looks(), [drift()]), [drift(made_at=NOW + 5)])
    assert looks.drifts == []


# Policies ------------------------------------------------------------------------------------------------------------


def with_policy(*drifts: Drift, **declared: Any) -> list[Drift]:
    return judged(drifts, DriftSpec.model_validate(declared), NOW)


def test_the_worst_comes_first_and_what_is_ignored_last() -> None:
    ignore = {"kind": "machine.missing", "reason": "moving house", "until": "2099-01-01"}
    found = with_policy(drift("policy.deprecated"), drift("machine.missing"), drift("image.file"), ignore=[ignore])
    assert [one.kind for one in found] == ["image.file", "policy.deprecated", "machine.missing"]
    assert found[2].policy is Policy.IGNORE


@pytest.mark.parametrize(
    ("ignore", "counts"),
    [
        ({}, False),
        ({"subject": NAME}, False),
        ({"subject": NAME, "where": "tcp/1"}, False),
        ({"subject": "town-web-r1-1"}, True),
        ({"where": "tcp/2"}, True),
        ({"kind": "inside.unit"}, True),
        ({"until": "2023-11-13"}, True),
    ],
)
def test_what_an_ignore_speaks_of(ignore: dict[str, str], counts: bool) -> None:
    whole = {"kind": "inside.port", "reason": "known", "until": "2099-01-01", **ignore}
    [found] = with_policy(drift(where="tcp/1"), ignore=[whole])
    assert found.counts is counts
    assert bool(found.lapsed) is ("until" in ignore)


@pytest.mark.parametrize(
    ("kind", "way", "wrong"),
    [
        ("disk.missing", "replace", "can't be replace"),
        ("route.missing", "quarantine", "can't be quarantine"),
        ("machine.extra", "replace", "can't be replace"),
        ("inside.port", "ignore", "Input should be"),
        ("inside.prot", "report", "no class of drift"),
    ],
)
def test_a_policy_that_means_nothing_is_refused(kind: str, way: str, wrong: str) -> None:
    with pytest.raises(ValueError, match=wrong):
        DriftSpec.model_validate({"policy": {kind: way}})


@pytest.mark.parametrize("until", ["soon", "31.1.2027", "2027-13-01", ""])
def test_a_time_that_is_none_is_refused(until: str) -> None:
    with pytest.raises(ValueError, match="not a time"):
        DriftSpec.model_validate({"ignore": [{"kind": "inside.port", "reason": "x", "until": until}]})


def test_what_is_declared_comes_back_from_json() -> None:
    declared = {
        "interval": "30s",
        "policy": {"inside.port": "replace"},
        "ignore": [{"kind": "inside.unit", "reason": "known", "until": "2027-01-31"}],
    }
    spec_ = DriftSpec.model_validate(declared)
    assert DriftSpec.model_validate(spec_.model_dump(mode="json")) == spec_


def test_a_machine_that_is_kept_is_not_made_anew_in_its_place() -> None:
    drifts = with_policy(
        drift("inside.port"), drift("inside.written"), policy={"inside.port": "replace", "inside.written": "quarantine"}
    )
    found = remedies(release(), drifts)
    assert (list(found.replace), list(found.quarantine)) == ([], [NAME])


@pytest.mark.parametrize(
    ("owner", "power", "under_way", "found"),
    [
        ("town", Power.RUNNING, [], False),
        ("shadow", Power.RUNNING, [], True),
        ("shadow", Power.RUNNING, ["shadow"], False),
        ("shadow", Power.STOPPED, [], False),
        ("town.rehearsal", Power.RUNNING, [], True),
        ("town.rehearsal", Power.RUNNING, ["town"], False),
        ("tester", Power.RUNNING, [], True),
        ("tester", Power.RUNNING, ["family:web"], False),
    ],
)
def test_machines_without_a_deployment(owner: str, power: Power, under_way: list[str], found: bool) -> None:
    one = machine(NAME, owner=owner, power=power)
    assert bool(list(stranger_drifts([one], ["town"], under_way, ["tester"], NOW))) is found
