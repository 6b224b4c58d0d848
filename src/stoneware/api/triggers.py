"""Triggers: what is pushed begins builds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Self

from fastapi import APIRouter, Response
from pydantic import StringConstraints, model_validator

from stoneware.api.services import Actor, Given, Name, Reason, Why
from stoneware.model.address import without_credentials
from stoneware.model.build import BuildStatus
from stoneware.model.noun import Noun
from stoneware.model.trigger import Begun, Trigger, TriggerSpec, TriggerState

router = APIRouter(tags=["triggers"])
Repository = Annotated[str, StringConstraints(min_length=1, max_length=2000, pattern=r"^/[^\x00]*$")]


class TriggerRequest(Why):
    """A trigger as it is wished. `hook`: set the hook of a local repository. `now`: build what is there already, too."""

    spec: TriggerSpec
    hook: bool = True
    now: bool = False

    @model_validator(mode="after")
    def _keeps_no_secret(self) -> Self:
        without_credentials(self.spec.repository)
        return self


class TriggerView(Noun):
    """A trigger, and how it goes."""

    trigger: Trigger
    state: TriggerState


class Looked(Noun):
    """What a look led to: `builds` that have begun; in `already`, those that a pushed commit had before, with statuses."""

    builds: tuple[str, ...]
    already: dict[str, BuildStatus] = {}

    @classmethod
    def at(cls, found: Sequence[Begun], **more: object) -> Self:
        """Of all that was found."""
        already = {one.build: one.already for one in found if one.already}
        builds = [one.build for one in found if not one.already]
        return cls.model_validate({"builds": builds, "already": already, **more})


class TriggerMade(Looked):
    """A trigger, and what it builds at once."""

    trigger: Trigger


class Pushed(Noun):
    """A repository of this host that somebody pushed to (an absolute path)."""

    repository: Repository


@router.get("/v1/triggers")
def list_triggers(services: Given) -> list[TriggerView]:
    """All triggers by name, and how they go."""
    return [TriggerView(trigger=one, state=services.triggering.state(one)) for one in services.store.triggers.list()]


@router.get("/v1/triggers/{name}")
def show_trigger(services: Given, name: Name) -> TriggerView:
    """One trigger."""
    trigger = services.store.triggers.get(name)
    return TriggerView(trigger=trigger, state=services.triggering.state(trigger))


@router.post("/v1/triggers/{name}")
def create_trigger(services: Given, name: Name, body: TriggerRequest, actor: Actor) -> TriggerMade:
    """Makes a trigger. The same once more is a success; another one of that name a conflict."""
    made, builds = services.triggering.create(name, body.spec, actor, body.reason, hook=body.hook, now=body.now)
    return TriggerMade.at(builds, trigger=made)


@router.delete("/v1/triggers/{name}", status_code=204)
def delete_trigger(services: Given, name: Name, actor: Actor, reason: Reason = "") -> Response:
    """Takes a trigger away. Builds that it has begun go on."""
    services.triggering.delete(name, actor, reason)
    return Response(status_code=204)


@router.post("/v1/triggers/{name}/looks")
def look(services: Given, name: Name) -> Looked:
    """Looks at the repository now, and begins what is to be built."""
    return Looked.at(services.triggering.look(services.store.triggers.get(name)))


@router.post("/v1/pushes")
def pushed(services: Given, body: Pushed) -> Looked:
    """Somebody pushed to a repository of this host: all its triggers look. It needn't be true."""
    return Looked.at(services.triggering.notified(body.repository))
