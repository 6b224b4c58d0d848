"""What `stoneware explain` shows in many states: all well, under way, asked, paused, stuck, sick, revoked, gone.

`UPDATE_GOLDEN=1 pytest tests/golden` writes explain.txt anew; read its difference as a user before you commit it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.support.guard import Guard
from tests.support.hospital import Hospital
from tests.support.simulation import World
from tests.support.specs import spec

from stoneware.cli.explain import screen, short
from stoneware.errors import Unreachable
from stoneware.model.drift_spec import DriftSpec
from stoneware.model.operation import Signal, SignalKind
from stoneware.operations.explaining import Explaining
from stoneware.store.database import writing
from stoneware.store.tables import images

GOLDEN = Path(__file__).parent / "explain.txt"


@pytest.fixture
def hospital(tmp_path: Path) -> Iterator[Hospital]:
    world = World(tmp_path)
    world.publish("web", 1)
    yield Hospital(world)
    world.close()


def explaining(hospital: Hospital) -> Explaining:
    world = hospital.world
    return Explaining(
        world.store,
        world.platforms,
        world.clock,
        world.runner.procedures,
        hospital.reconcile.notes_of,
        hospital.watch.known,
    )


def until(world: World, operation: str, state: str) -> None:
    while (record := world.store.operations.get(operation)).state != state:
        assert record.result is None
        world.step()


def deployed(hospital: Hospital, **rollout: object) -> str:
    """Release 1 runs, and version 2 is there. Returns its digest."""
    hospital.world.run(hospital.world.deploy(spec(**rollout)).id)  # type: ignore[arg-type]
    hospital.world.clock.sleep(3600.0)
    return hospital.world.publish("web", 2)


def nothing(hospital: Hospital) -> str:
    return ""


def all_well(hospital: Hospital) -> str:
    deployed(hospital)
    hospital.live(3.0)
    return "town"


def a_machine_that_is_well(hospital: Hospital) -> str:
    deployed(hospital)
    hospital.live(3.0)
    return "town-web-r1-0"


def rollout_under_way(hospital: Hospital) -> str:
    deployed(hospital)
    until(hospital.world, hospital.world.deploy(spec()).id, "VERIFYING")
    hospital.world.step()
    return "town"


def machine_that_does_not_boot(hospital: Hospital) -> str:
    hospital.world.engine.never_boots.add(deployed(hospital))
    operation = hospital.world.deploy(spec()).id
    until(hospital.world, operation, "PROVISIONING")
    for _ in range(4):
        hospital.world.step()
    return operation


def deployment_whose_machine_does_not_boot(hospital: Hospital) -> str:
    machine_that_does_not_boot(hospital)
    return "town"


def machine_of_a_rollout(hospital: Hospital) -> str:
    digest = deployed(hospital)
    hospital.world.engine.sick.add(digest)
    operation = hospital.world.deploy(spec()).id
    until(hospital.world, operation, "VERIFYING")
    for _ in range(4):
        hospital.world.step()
    return "town-web-r2-0"


def awaiting_approval(hospital: Hospital) -> str:
    deployed(hospital)
    until(hospital.world, hospital.world.deploy(spec(approval=True)).id, "AWAITING_APPROVAL")
    hospital.world.step()
    return "town"


def awaiting_decision(hospital: Hospital) -> str:
    hospital.world.engine.gives_up.add(deployed(hospital))
    until(hospital.world, hospital.world.deploy(spec(auto_rollback=False)).id, "AWAITING_DECISION")
    hospital.world.step()
    return "town"


def paused(hospital: Hospital) -> str:
    deployed(hospital)
    operation = hospital.world.deploy(spec(bake_time="1h")).id
    until(hospital.world, operation, "SOAKING")
    told = Signal(kind=SignalKind.PAUSE, actor="ann", reason="lunch", at=hospital.world.clock.now())
    hospital.world.store.operations.signal(operation, told)
    for _ in range(3):
        hospital.world.step()
    return operation


def went_back(hospital: Hospital) -> str:
    hospital.world.engine.gives_up.add(deployed(hospital))
    return hospital.world.run(hospital.world.deploy(spec()).id).id


def stuck_operation(hospital: Hospital) -> str:
    """The new version is sick after the switch, and the proxy is away from then on."""
    world, digest = hospital.world, deployed(hospital)
    operation = world.deploy(spec(progress_deadline="20s")).id
    until(world, operation, "SOAKING")
    world.engine.sick.add(digest)

    def away(when: str, verb: str, name: str) -> None:
        if (when, verb) == ("before", "apply"):
            raise Unreachable("the proxy doesn't answer")

    world.watch = away
    ended = world.run(operation)
    world.watch = lambda *_: None
    return ended.id


def stuck_deployment(hospital: Hospital) -> str:
    stuck_operation(hospital)
    return "town"


def sick_deployment(hospital: Hospital) -> str:
    """All machines are sick, which no replacement would mend: the daemon says so."""
    deployed(hospital, size=3)
    hospital.live(3.0)
    hospital.world.engine.sick.update(f"town-web-r1-{place}" for place in range(3))
    hospital.live(6.0)
    return "town"


def sick_machine(hospital: Hospital) -> str:
    sick_deployment(hospital)
    return "town-web-r1-1"


def machine_gone(hospital: Hospital) -> str:
    deployed(hospital)
    hospital.world.engine.kill_machine("town-web-r1-0")
    return "town-web-r1-0"


def deployment_with_a_machine_gone(hospital: Hospital) -> str:
    machine_gone(hospital)
    return "town"


def drift_that_is_open(hospital: Hospital) -> str:
    """A look has found something; another difference is ignored."""
    all_well(hospital)
    world, guard = hospital.world, Guard(hospital.world)
    route = world.switch._routes["town.play"]
    world.switch._routes["town.play"] = route.model_copy(update={"held": True})
    world.engine.meddle_inside("town-web-r1-0", mounted=("/usr/share",), listening=("tcp/4444",))
    assert len(guard.check().drifts) == 3
    world.clock.sleep(60.0)
    return "town"


def machine_that_drifted(hospital: Hospital) -> str:
    drift_that_is_open(hospital)
    return "town-web-r1-0"


def drift_that_is_ignored(hospital: Hospital) -> str:
    ignore = {"kind": "inside.mounted", "reason": "we know", "until": "2999-01-01"}
    calm = DriftSpec.model_validate({"ignore": [ignore]})
    hospital.world.run(hospital.world.deploy(spec().model_copy(update={"drift": calm})).id)
    hospital.world.engine.meddle_inside("town-web-r1-0", mounted=("/usr/share",))
    assert len(Guard(hospital.world).check().drifts) == 1
    hospital.live(3.0)
    return "town"


def warm_machine(hospital: Hospital) -> str:
    deployed(hospital)
    hospital.world.run(hospital.world.deploy(spec()).id)
    return "town-web-r1-0"


def image_in_use(hospital: Hospital) -> str:
    deployed(hospital)
    return "web/1"


def image_revoked(hospital: Hospital) -> str:
    deployed(hospital)
    hospital.world.store.catalog.revoke("web/1", "ann", "a hole in its TLS library")
    hospital.world.clock.sleep(120.0)
    return "web/1"


def image_damaged(hospital: Hospital) -> str:
    """Its files aren't what was sealed, as a look has found."""
    all_well(hospital)
    damaged = {hospital.world.store.catalog.get("web/1").digest: "layer-0.img was changed"}
    assert Guard(hospital.world, damaged).found() == ["image.file web/1"]
    return "web/1"


def image_revoked_on_record(hospital: Hospital) -> str:
    """Somebody took the revocation out of its row."""
    image_revoked(hospital)
    with writing(hospital.world.store.db) as conn:
        conn.execute(images.update().values(revoked_at=None))
    assert "image.changed web/1 revoked" in Guard(hospital.world).found()
    return "web/1"


def deployment_of_a_revoked_image(hospital: Hospital) -> str:
    image_revoked(hospital)
    return "town"


def engine_away(hospital: Hospital) -> str:
    deployed(hospital)
    hospital.world.engine.fail_next("list_machines", Unreachable("the engine doesn't answer"), times=9)
    return "town"


def rehearsed_way_back(hospital: Hospital) -> str:
    warm_machine(hospital)
    hospital.world.run(hospital.world.rehearse().id)
    hospital.world.clock.sleep(7200.0)
    return "town"


def way_back_that_failed(hospital: Hospital) -> str:
    warm_machine(hospital)
    hospital.world.engine.sick.add(hospital.world.store.catalog.get("web/1").digest)
    return hospital.world.run(hospital.world.rehearse().id).id


def rehearsal_under_way(hospital: Hospital) -> str:
    warm_machine(hospital)
    operation = hospital.world.rehearse().id
    until(hospital.world, operation, "STARTING")
    hospital.world.step()
    return operation


CASES: dict[str, Callable[[Hospital], str]] = {
    case.__name__.replace("_", " "): case
    for case in (
        *(nothing, all_well, a_machine_that_is_well, rollout_under_way, machine_of_a_rollout, awaiting_approval),
        *(machine_that_does_not_boot, deployment_whose_machine_does_not_boot),
        *(awaiting_decision, paused, went_back, stuck_operation, stuck_deployment, sick_deployment, sick_machine),
        *(machine_gone, deployment_with_a_machine_gone, warm_machine, image_in_use, image_revoked),
        *(image_damaged, image_revoked_on_record),
        *(deployment_of_a_revoked_image, engine_away, rehearsed_way_back, way_back_that_failed, rehearsal_under_way),
        *(drift_that_is_open, machine_that_drifted, drift_that_is_ignored),
    )
}
SHOWN: dict[str, str] = {}


def test_the_golden_screens_are_those_of_the_cases() -> None:
    if not os.environ.get("UPDATE_GOLDEN"):
        assert list(golden()) == list(CASES)


def golden() -> dict[str, str]:
    parts = GOLDEN.read_text().split("=== ")[1:] if GOLDEN.exists() else []
    return {name: text.strip("\n") for name, _, text in (part.partition("\n") for part in parts)}


@pytest.mark.parametrize("case", CASES)
def test_the_screen_is_as_people_have_read_it(case: str, hospital: Hospital) -> None:
    name = CASES[case](hospital)
    explains = explaining(hospital)
    text = "\n".join(screen(explains.one(name).model_dump())) if name else ""
    brief = "\n".join(line for one in explains.all() for line in short(one.model_dump()))
    shown = f"$ stoneware explain {name}\n{text}\n$ stoneware explain\n{brief}" if name else f"(nothing) {brief}"
    assert len(shown.splitlines()) <= 40, "one screen"
    SHOWN[case] = shown
    if os.environ.get("UPDATE_GOLDEN"):
        GOLDEN.write_text("\n".join(f"=== {known}\n{SHOWN[known]}\n" for known in CASES if known in SHOWN))
    assert shown.strip("\n") == golden()[case]


def test_a_name_that_nothing_has_is_answered_with_those_that_are_near(hospital: Hospital) -> None:
    deployed(hospital)
    with pytest.raises(Exception, match="is named towm") as wrong:
        explaining(hospital).one("towm")
    assert "town" in str(wrong.value)
