"""A seed becomes a scenario. All chance that a history needs before it is played is drawn here, and nowhere else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from random import Random
from typing import Any

from tests.simulation.declare import changed_spec, first_spec
from tests.simulation.scenario import Event, Quality, Scenario

from stoneware.model.deployment import MachineSpec
from stoneware.model.operation import SignalKind

FAMILIES = ("plain", "fancy")
TOWN, MILL = "town", "mill"

ENGINE_VERBS = (
    "publish_image",
    "create_machine",
    "start_machine",
    "stop_machine",
    "delete_machine",
    "create_disk",
    "attach_disk",
    "detach_disk",
    "quiesce_machine",
    "snapshot_disk",
    "restore_disk",
    "clone_disk",
    "list_machines",
)
SWITCH_VERBS = ("apply", "read", "remove", "counters")
ERRORS = ("Unreachable", "Unreachable", "Unreachable", "Refused", "Misconfigured")
MUCH = 10
OLD_S = 160.0
FIRST_WISHES = {"deploy": 10, "rollback": 1, "destroy": 1, "retire": 1}
WISHES = {"deploy": 10, "rollback": 5, "destroy": 1, "retire": 1}
SIGNALS = {
    SignalKind.PAUSE: 1,
    SignalKind.RESUME: 1,
    SignalKind.APPROVE: 1,
    SignalKind.RETRY: 1,
    SignalKind.PROMOTE: 1,
    SignalKind.ABORT: 2,
}
FAULTS = {
    "kill": 6,
    "stall": 5,
    "lose": 4,
    "fail": 4,
    "proxy": 2,
    "death": 3,
    "sick": 6,
    "unseen": 5,
    "clock": 1,
    "busy": 3,
}
QUALITIES = {
    Quality.GOOD: 9,
    Quality.SLOW: 3,
    Quality.NEVER_BOOTS: 2,
    Quality.GIVES_UP: 1,
    Quality.SICK: 3,
    Quality.TIRES: 2,
    Quality.COLLAPSES: 2,
    Quality.ERRS: 3,
}


SECOND_THOUGHTS = "second thoughts"
"""Said of what there is to be much of: in the end a person goes back while nothing is under way, and calls that off half-way."""


def generate(seed: int, much: frozenset[str] = frozenset()) -> Scenario:
    """The scenario of a seed. `much` names faults, wishes and signals of which there is to be much."""
    rng = Random(f"scenario {seed}")
    families = FAMILIES[: rng.choice([1, 1, 2])]
    deployments = (TOWN, MILL) if rng.random() < 0.2 else (TOWN,)
    hands = ("left", "right") if rng.random() < 0.6 else ("left",)
    specs: list[dict[str, Any]] = []
    firsts = [*_firsts(rng, deployments, families, specs)]
    wishes = [*_wishes(rng, deployments, families, specs, much)]
    moments = [event.at for event in wishes] + [0.1]
    faults = [*_faults(rng, moments, deployments, hands, much)]
    last = max(event.at for event in (*wishes, *faults)) + 5.0
    chores = [*_chores(rng, "reconcile", rng.choice([5.0, 9.0, 18.0]), last), *_chores(rng, "prune", 40.0, last)]
    if any(group["max_age"] for spec in specs for group in spec["groups"].values()):
        chores.append(Event(last + OLD_S, "reconcile"))
    return Scenario(
        seed=seed,
        pace_s=rng.choice([0.3, 0.5, 0.9]),
        boot_s=rng.choice([0.2, 1.0, 2.0]),
        hands=hands,
        families=families,
        specs=tuple(specs),
        events=tuple(sorted([*firsts, *wishes, *faults, *chores], key=lambda event: event.at)),
        encore=rng.choice(["none"] * 6 + ["deploy", "rollback"]),
        boots=rng.choice([None, None, None, 1, 2]),
        requests_per_s=rng.choice([0, 20, 20, 20]),
        memory_bytes=_memory_bytes(Random(f"memory {seed}"), specs[: len(deployments)]),
    )


def _memory_bytes(rng: Random, firsts: list[dict[str, Any]]) -> int | None:
    """Often enough there is room for the first releases and for little more."""
    machines = sum(group["size"] for spec in firsts for group in spec["groups"].values())
    room = rng.choice([None, None, None, machines + 1, machines + 2, 2 * machines])
    return room and room * MachineSpec().memory


def _firsts(
    rng: Random, deployments: tuple[str, ...], families: tuple[str, ...], specs: list[dict[str, Any]]
) -> Iterator[Event]:
    """Every deployment has a first release, of images that are good."""
    for family in families:
        yield Event(0.0, "publish", (family, Quality.GOOD, _schema(rng, lives_with=0.3)))
        if rng.random() < 0.3:
            yield Event(0.0, "keep", (family,))
    for deployment in deployments:
        specs.append(first_spec(rng, deployment, families))
        yield Event(0.1, "deploy", (deployment, len(specs) - 1))


def _wishes(
    rng: Random,
    deployments: tuple[str, ...],
    families: tuple[str, ...],
    specs: list[dict[str, Any]],
    much: frozenset[str],
) -> Iterator[Event]:
    """What people want: one to three things more."""
    at, latest = 9.0, dict(zip(deployments, specs, strict=True))
    for number in range(rng.choice([1, 1, 2, 3])):
        at, deployment = at + rng.choice([rng.uniform(0.5, 6.0), rng.uniform(9.0, 18.0)]), rng.choice(deployments)
        wish = _one_of(rng, WISHES, much) if number else _one_of(rng, FIRST_WISHES, frozenset())
        if wish == "deploy":
            if rng.random() < 0.8:
                quality = Quality(_one_of(rng, QUALITIES, much))
                yield Event(at, "publish", (rng.choice(families), quality, _schema(rng, lives_with=0.6)))
            latest[deployment] = changed_spec(rng, latest[deployment])
            specs.append(latest[deployment])
            yield Event(at + 0.01, "deploy", (deployment, len(specs) - 1))
        elif wish == "rollback":
            yield Event(at, wish, (deployment, rng.random() < 0.3))
        elif wish == "retire":
            yield Event(at, rng.choice(["revoke", "deprecate"]), (rng.choice(families),))
        else:
            yield Event(at, wish, (deployment,))
        if rng.random() < (0.9 if "abort" in much else 0.4):
            kind = SignalKind(_one_of(rng, SIGNALS, much))
            yield Event(at + rng.uniform(0.1, 6.0), "signal", (deployment, kind))
    if SECOND_THOUGHTS in much:
        at += rng.uniform(20.0, 40.0)
        yield Event(at, "rollback", (deployment, False))
        yield Event(at + rng.uniform(0.5, 6.0), "signal", (deployment, SignalKind.ABORT))


def _schema(rng: Random, lives_with: float) -> tuple[tuple[int, ...], int] | None:
    """What an image says of data: which schemas it reads, and which it writes; most often nothing."""
    if rng.random() < 1 - lives_with:
        return None
    writes = rng.choice([1, 1, 2, 3])
    return (tuple(range(rng.choice([1, max(1, writes - 1)]), writes + 1)), writes)


def _one_of(rng: Random, weights: Mapping[str, int], much: frozenset[str]) -> str:
    return rng.choices(
        list(weights), weights=[weight * (MUCH if one in much else 1) for one, weight in weights.items()]
    )[0]


def _faults(
    rng: Random, moments: list[float], deployments: tuple[str, ...], hands: tuple[str, ...], much: frozenset[str]
) -> Iterator[Event]:
    """What goes wrong, soon after something was wished for: nothing in one of six histories."""
    for _ in range(rng.choice([0, 1, 1, 2, 3, 5])):
        at = rng.choice(moments) + rng.uniform(0.0, 9.0)
        kind = _one_of(rng, FAULTS, much)
        yield Event(at, kind, _particulars(rng, kind, deployments, hands))


def _particulars(rng: Random, kind: str, deployments: tuple[str, ...], hands: tuple[str, ...]) -> tuple[Any, ...]:
    match kind:
        case (
            "kill"
        ):  # at the n-th hook from now; how long until a daemon of that name is started again (None: much later)
            return (rng.choice(hands), rng.randint(1, 12), rng.choice([0.0, 1.0, 40.0]))
        case "stall":
            return (rng.choice(hands), rng.randint(1, 12), rng.choice([2.0, 35.0, 35.0, 70.0]))
        case "lose":
            return (rng.choice(ENGINE_VERBS[:-1]),)
        case "fail":
            return (rng.choice(ENGINE_VERBS), rng.choice(ERRORS), rng.choice([1, 1, 2, 5, 60]))
        case "proxy":
            return (rng.choice(SWITCH_VERBS), rng.choice(ERRORS), rng.choice([1, 1, 2, 5]))
        case "death":
            return (rng.random(),)
        case "sick" | "unseen":
            return (rng.random(), rng.choice([1.0, 3.0, 10.0, 60.0, 300.0, 300.0]))
        case "clock":
            return (rng.choice([-3600.0, -40.0, -2.0, 20.0, 400.0]),)
        case _:  # requests that take their time
            return (rng.choice(deployments), rng.choice([1, 20]), rng.choice([0.5, 3.0, 30.0]))


def _chores(rng: Random, kind: str, every_s: float, until: float) -> Iterator[Event]:
    at = rng.uniform(0.5, every_s)
    while at < until:
        yield Event(at, kind)
        at += every_s
