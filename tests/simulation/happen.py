"""What each kind of event does. A wish that can't be granted just now gets the answer that a person would get."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.simulation.scenario import Quality
from tests.simulation.world import World

from stoneware import errors
from stoneware.errors import Unreachable
from stoneware.model.deployment import DeploymentSpec, KeepSpec
from stoneware.model.image import ImageState
from stoneware.model.operation import Signal, SignalKind
from stoneware.operations.teardown import Teardown, teardown_frame

PERSON = "ann"
Says = tuple[tuple[int, ...], int]


def publish(world: World, family: str, quality: Quality, says: Says | None = None) -> None:
    world.publish(family, quality, says)


def deploy(world: World, deployment: str, number: int) -> None:
    spec = DeploymentSpec.model_validate(world.scenario.specs[number])
    world.releasing.deploy(deployment, spec, PERSON)


def rollback(world: World, deployment: str, with_data: bool = False) -> None:
    world.releasing.rollback(deployment, None, PERSON, restore_data=with_data)


def destroy(world: World, deployment: str) -> None:
    """As the API does it."""
    releases, active = world.store.releases.list(deployment), world.store.operations.active(deployment)
    if not releases:
        raise errors.NotFound(f"no deployment {deployment}")
    frame = teardown_frame(releases, active, world.clock.now())
    world.store.operations.create(
        kind="teardown",
        subject=deployment,
        actor=PERSON,
        reason="",
        state=Teardown.first,
        frame=frame,
        instead=True,
    )


def signal(world: World, deployment: str, kind: SignalKind) -> None:
    active = world.store.operations.active(deployment)
    if active is not None:
        world.store.operations.signal(active.id, Signal(kind=kind, actor=PERSON, at=world.clock.now()))


def revoke(world: World, family: str) -> None:
    world.store.catalog.revoke(world.store.catalog.resolve(family).name, PERSON, "it has a hole")


def deprecate(world: World, family: str) -> None:
    world.store.catalog.set_state(world.store.catalog.resolve(family).name, ImageState.DEPRECATED, PERSON)


def keep(world: World, family: str) -> None:
    world.store.catalog.keep(family, KeepSpec(newest=1), PERSON)


def lose(world: World, verb: str) -> None:
    world.cloud.fail_next(verb, Unreachable("lost"), after_effect=True)


def fail(world: World, verb: str, error: str, times: int) -> None:
    world.cloud.fail_next(verb, getattr(errors, error)(f"{verb} says {error}"), times=times)


def proxy(world: World, verb: str, error: str, times: int) -> None:
    world.proxy.fail_next(verb, getattr(errors, error)(f"{verb} says {error}"), times=times)


def death(world: World, which: float) -> None:
    name = _some_machine(world, which)
    if name:
        world.tell(f"{name} dies")
        world.cloud.kill_machine(name)


def sick(world: World, which: float, seconds: float) -> None:
    name = _some_machine(world, which)
    if name:
        world.tell(f"{name} is sick for {seconds:g} s")
        world.cloud.sick_until[name] = world.clock.elapsed + seconds


def unseen(world: World, which: float, seconds: float) -> None:
    name = _some_machine(world, which)
    if name:
        world.tell(f"the proxy can't reach {name} for {seconds:g} s")
        world.proxy.unseen_until[name] = world.clock.elapsed + seconds


def clock(world: World, jump_s: float) -> None:
    world.clock.set(world.clock.now() + jump_s)
    world.cloud.shift(jump_s)


def busy(world: World, deployment: str, count: int, seconds: float) -> None:
    """Requests that take their time, at every pool of the deployment."""
    for service, route in world.proxy.routes().items():
        if service.startswith(f"{deployment}."):
            for pool in route.pools.values():
                world.proxy.busy[pool.fleet] = (count, world.clock.elapsed + seconds)


def _some_machine(world: World, which: float) -> str | None:
    running = [m.wanted.name for m in world.cloud.contents() if m.power == "RUNNING"]
    return running[int(which * len(running))] if running else None


HAPPENINGS: dict[str, Callable[..., Any]] = {
    one.__name__: one
    for one in (
        publish,
        deploy,
        rollback,
        destroy,
        signal,
        revoke,
        deprecate,
        keep,
        lose,
        fail,
        proxy,
        death,
        sick,
        unseen,
        clock,
        busy,
    )
}
