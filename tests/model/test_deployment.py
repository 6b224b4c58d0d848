"""What people may declare: the limits that no JSON type knows."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from stoneware.model.deployment import (
    BootTest,
    DeploymentSpec,
    DiskSpec,
    GroupSpec,
    HealthSpec,
    MachineSpec,
    RolloutSpec,
    group_ports,
)
from stoneware.model.image import StateSchema
from stoneware.model.noun import Noun

HTTP, TCP = {"http": {"port": 80}}, {"tcp": {"port": 22}}
GROUP: dict[str, Any] = {"image": "web", "health": HTTP}


def deployment(**services: dict[str, Any]) -> DeploymentSpec:
    return DeploymentSpec.model_validate({"groups": {"web": GROUP, "db": GROUP}, "services": services})


@pytest.mark.parametrize(
    ("noun", "given", "wrong"),
    [
        (HealthSpec, {}, "asks nothing"),
        (HealthSpec, {**HTTP, **TCP}, "has http and tcp"),
        (HealthSpec, {**HTTP, "interval": "0s"}, "no time at all"),
        (HealthSpec, {**HTTP, "timeout": "0s"}, "no time at all"),
        (HealthSpec, {**HTTP, "up": 0}, "greater than or equal to 1"),
        (BootTest, {}, "asks nothing"),
        (BootTest, {**HTTP, "units": {}}, "has http and units"),
        (BootTest, {"console": {}}, "asks nothing"),
        (BootTest, {"console": {"contains": ""}}, "at least 1 character"),
        (MachineSpec, {"memory": "32MiB"}, "too small"),
        (MachineSpec, {"memory": "104858000B"}, "no whole number of MiB"),
        (DiskSpec, {"size": "1MiB", "mount": "/srv"}, "too small"),
        (RolloutSpec, {"snapshot": False, "on_failure": "restore_snapshot"}, "no snapshot is taken"),
        (RolloutSpec, {"snapshot": False, "rehearse": True}, "a rehearsal runs on a snapshot"),
        (StateSchema, {"reads": [1], "writes": 2}, "couldn't read what it writes"),
        (StateSchema, {"reads": [], "writes": 2}, "at least 1 item"),
        (StateSchema, {"reads": [0, 1], "writes": 1}, "greater than or equal to 1"),
        (GroupSpec, {**GROUP, "size": 0}, "greater than or equal to 1"),
        (GroupSpec, {**GROUP, "size": True}, "valid integer"),
        (GroupSpec, {**GROUP, "config": {"A B": "x"}}, "match pattern"),
        (GroupSpec, {**GROUP, "config": {"A": "two\nlines"}}, "match pattern"),
        (GroupSpec, {**GROUP, "image": "web/0"}, "match pattern"),
        (GroupSpec, {**GROUP, "colour": "blue"}, "Extra inputs"),
        (DeploymentSpec, {"groups": {}}, "at least 1 item"),
        (DeploymentSpec, {"groups": {"Web": GROUP}}, "match pattern"),
    ],
)
def test_what_makes_no_sense_is_refused(noun: type[Noun], given: dict[str, Any], wrong: str) -> None:
    with pytest.raises(ValidationError, match=wrong):
        noun.model_validate(given)


@pytest.mark.parametrize("listen", ["127.0.0.1:8080", "localhost:1", "*:65535"])
def test_addresses_to_listen_at(listen: str) -> None:
    spec = deployment(play={"group": "web", "port": 80, "listen": listen})
    assert spec.services["play"].listen == listen


@pytest.mark.parametrize(
    "listen", ["8080", ":80", "a.example:80", "127.0.0.1", "127.0.0.1:80\n", "\u0661.0.0.1:80", 8080]
)
def test_other_addresses_are_refused(listen: Any) -> None:
    with pytest.raises(ValidationError):
        deployment(play={"group": "web", "port": 80, "listen": listen})


def test_the_ports_of_a_group_are_its_probes_and_its_services() -> None:
    listen = "127.0.0.1:8080"
    spec = deployment(
        play={"group": "web", "port": 8000, "listen": listen},
        same={"group": "web", "port": 80, "listen": listen},
        other={"group": "db", "port": 5432, "listen": listen},
    )
    assert (group_ports(spec, "web"), group_ports(spec, "db")) == ((80, 8000), (80, 5432))


def test_a_declaration_survives_the_way_to_json_and_back() -> None:
    group = {**GROUP, "disks": {"data": {"size": "1GiB", "mount": "/srv"}}, "rollout": {"drain": "1500ms"}}
    spec = DeploymentSpec.model_validate({"groups": {"web": group}})
    assert DeploymentSpec.model_validate_json(spec.model_dump_json()) == spec


def test_nouns_do_not_change() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        deployment().keep_releases = 3
