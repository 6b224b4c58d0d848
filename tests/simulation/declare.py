"""Declarations at random, and the changes that people make to them."""

from __future__ import annotations

import copy
from random import Random
from typing import Any

from tests.simulation.ways import PORT, way_in

MAX_AGE = "150s"
"""Longer than the pauses in which repairs come to their end: else it would never be quiet."""
Spec = dict[str, Any]


def first_spec(rng: Random, deployment: str, families: tuple[str, ...]) -> Spec:
    """One to three groups, some with disks, most behind a service."""
    groups = {name: _group(rng, rng.choice(families)) for name in ("web", "game", "mail")[: _few(rng)]}
    services = {
        f"to-{name}": _service(rng, name, _address(deployment, number))
        for number, name in enumerate(groups)
        if rng.random() < 0.8
    }
    return _allowed({"engine": "fake", "keep_releases": rng.choice([2, 3, 10]), "groups": groups, "services": services})


def changed_spec(rng: Random, spec: Spec) -> Spec:
    """The same with one or two changes. Most often none: a new image is enough for a release."""
    fresh = copy.deepcopy(spec)
    for change in rng.sample([_resize, _configure, _retime, _grow, _shrink, _expose], k=rng.choice([0, 0, 1, 2])):
        change(rng, fresh)
    return _allowed(fresh)


def _allowed(spec: Spec) -> Spec:
    """What a declaration may not say isn't said: in a rolling update somebody serves all the while."""
    for group in spec["groups"].values():
        rollout = group["rollout"]
        if rollout["strategy"] == "rolling":
            rollout["unavailable"] = min(rollout["unavailable"], group["size"] - 1)
            if not rollout["unavailable"] and rollout.get("surge") == 0:
                rollout["surge"] = 1
    return spec


def _service(rng: Random, group: str, listen: str) -> Spec:
    plain = {"group": group, "port": PORT, "listen": listen}
    return {**plain, "sticky": True, "max_session": rng.choice(["0s", "4s"])} if rng.random() < 0.25 else plain


def _few(rng: Random) -> int:
    return rng.choices([1, 2, 3], weights=[6, 3, 1])[0]


def _group(rng: Random, family: str) -> Spec:
    disks = {"data": {"size": "1GiB", "mount": "/var/lib/app"}} if rng.random() < 0.4 else {}
    if disks and rng.random() < 0.2:
        disks["logs"] = {"size": "64MiB", "mount": "/var/log/app"}
    health = {
        "http": {"port": PORT},
        "healthy_for": rng.choice(["1s", "2s"]),
        "deadline": "20s",
        "up": rng.choice([1, 2]),
        "down": rng.choice([2, 3]),
    }
    return {
        "image": family,
        "size": rng.choices([1, 2, 3, 4], weights=[4, 5, 2, 1])[0],
        "health": health,
        "config": {},
        "disks": disks,
        "rollout": way_in(rng, disks=bool(disks)),
        "max_age": rng.choice([None] * 9 + [MAX_AGE]),
    }


def _address(deployment: str, number: int) -> str:
    return f"127.0.0.{ord(deployment[0])}:{8080 + number}"


def _any_group(rng: Random, spec: Spec) -> Spec:
    return spec["groups"][rng.choice(sorted(spec["groups"]))]


def _resize(rng: Random, spec: Spec) -> None:
    _any_group(rng, spec)["size"] = rng.choice([1, 2, 3])


def _configure(rng: Random, spec: Spec) -> None:
    _any_group(rng, spec)["config"] = {"MOTTO": rng.choice(["calm", "brave"])}


def _retime(rng: Random, spec: Spec) -> None:
    group = _any_group(rng, spec)
    group["rollout"] = way_in(rng, disks=bool(group["disks"]))


def _grow(rng: Random, spec: Spec) -> None:
    family = _any_group(rng, spec)["image"]
    spec["groups"].setdefault("extra", _group(rng, family))


def _shrink(rng: Random, spec: Spec) -> None:
    """A group without disks goes, with its services; one with disks can't be left out."""
    going = [name for name, group in sorted(spec["groups"].items()) if not group["disks"]]
    if going and len(spec["groups"]) > 1:
        gone = rng.choice(going)
        del spec["groups"][gone]
        spec["services"] = {name: one for name, one in spec["services"].items() if one["group"] != gone}


def _expose(rng: Random, spec: Spec) -> None:
    """A service comes or goes."""
    name, group = "to-all", rng.choice(sorted(spec["groups"]))
    if spec["services"].pop(name, None) is None:
        spec["services"][name] = {"group": group, "port": PORT, "listen": "127.0.0.1:9000"}
