"""What only shows when one looks at the whole document: names that lead nowhere, and things that can't stand together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from stoneware.model.deployment import DELIVERED, DeploymentSpec, GroupSpec, ImageSpec
from stoneware.model.document import Document
from stoneware.model.drift import Policy
from stoneware.model.drift_classes import CLASSES
from stoneware.model.own_build import EVERY
from stoneware.names import disk_name, fleet_name, machine_name, split_image_name
from stoneware.spec.environment_problems import Found, environment_problems
from stoneware.spec.environments import Place, sound_targets
from stoneware.spec.words import near
from stoneware.spec.yaml_lines import MOST_PROBLEMS

Declared = tuple[Place, str, DeploymentSpec]
"""Something for deploying: where it is declared, its name, its declaration."""

LONGEST_NAME = 63
COMPARING = ("canary", "rolling")
"""Strategies with which both versions have traffic for a while."""


def reference_problems(document: Document, folder: Path) -> Iterator[Found]:
    """Every such problem. `folder` is where recipes are looked for."""
    for family, image in document.images.items():
        yield from _image(family, image, folder)
    told: set[tuple[str, tuple[str | int, ...], str]] = set()
    for name, deployment in document.deployments.items():
        for path, wrong, right in _deployment(("deployments", name), name, deployment, document):
            told.add((name, path[2:], wrong))
            yield path, wrong, right
    yield from environment_problems(document)
    everything = [*sound_targets(document)]
    for place, name, deployment in everything:
        for path, wrong, right in _deployment(place, name, deployment, document):
            if (place[-1], path[len(place) :], wrong) not in told:  # once, where it was declared
                yield path, wrong, right
    yield from _build(document)
    yield from _twins(everything)
    yield from _listeners(everything)


def _image(family: str, image: ImageSpec, folder: Path) -> Iterator[Found]:
    for key, given, exists in (
        ("containerfile", image.containerfile, Path.is_file),
        ("context", image.context, Path.is_dir),
    ):
        place = ("images", family, key)
        if not _is_inside(folder, given):
            yield place, f"{given!r} leads out of the folder", "keep recipes beside stoneware.yaml"
        elif not _holds(exists, folder / given):
            yield place, f"there is no {given!r} beside stoneware.yaml", "write it, or name the right one"
    yield from _nested(("images", family, "writable"), list(image.writable))


def _build(document: Document) -> Iterator[Found]:
    for key, names, known in (
        ("bake", document.build.bake, [*document.images, EVERY]),
        ("deploy", document.build.deploy, sorted({name for _, name, _ in sound_targets(document)})),
    ):
        for at, name in enumerate(names):
            if name not in known:
                what = "family" if key == "bake" else "deployment"
                yield ("build", key, at), f"there is no {what} {name!r}", near(name, known, "declared here")


def _is_inside(folder: Path, given: str) -> bool:
    def inside(place: Path) -> bool:
        return place.resolve().is_relative_to(folder.resolve())

    return not Path(given).is_absolute() and _holds(inside, folder / given)


def _holds(asks: Callable[[Path], bool], place: Path) -> bool:
    """The answer; no when the path can't even be looked at (too long, in a circle of links, not allowed)."""
    try:
        return asks(place)
    except (OSError, ValueError, RuntimeError):
        return False


def _deployment(here: Place, name: str, deployment: DeploymentSpec, document: Document) -> Iterator[Found]:
    for group_name, group in deployment.groups.items():
        place = (*here, "groups", group_name)
        family = (split_image_name(group.image) or (group.image, 0))[0]
        # a file without images deploys what another repository bakes
        if document.images and family not in document.images:
            wrong = f"no image family {family!r} is declared here"
            yield (*place, "image"), wrong, near(family, list(document.images), "known")
        form = DELIVERED.get(deployment.engine)
        if form and family in document.images and form not in document.images[family].deliver:
            forms = ", ".join((*document.images[family].deliver, form))
            wrong = f"family {family} isn't delivered as a {form}, which engine {deployment.engine} starts"
            yield (*place, "image"), wrong, f"declare `deliver: [{form}]`, or `[{forms}]`, in images.{family}"
        longest = machine_name(name, group_name, 9999, group.size - 1)
        if len(longest) > LONGEST_NAME:
            wrong = f"machine names such as {longest} would be too long"
            yield place, wrong, "shorten the deployment's or group's name"
        for variable in group.secrets:
            if variable in group.config:
                wrong = f"{variable} is in config, too"
                yield (
                    (*place, "secrets", variable),
                    wrong,
                    "a variable has one value: drop it there, or give one another name",
                )
        writable = document.images[family].writable if family in document.images else ()
        yield from _disks((*place, "disks"), group, family, writable)
        served = any(service.group == group_name for service in deployment.services.values())
        yield from _checks((*place, "rollout", "analysis", "checks"), group, served=served)
    for service_name, service in deployment.services.items():
        if service.group not in deployment.groups:
            wrong = f"there is no group {service.group!r}"
            yield (*here, "services", service_name, "group"), wrong, near(service.group, [*deployment.groups], "known")
    for at, passed in enumerate(deployment.drift.ignore):
        if Policy.IGNORE not in CLASSES[passed.kind].may_be:
            wrong = f"{passed.kind} can't be let pass: it says that what is let pass may be forged"
            yield (*here, "drift", "ignore", at, "kind"), wrong, "leave it out"


def _disks(place: tuple[str, ...], group: GroupSpec, family: str, writable: tuple[str, ...]) -> Iterator[Found]:
    yield from _nested(place, [disk.mount for disk in group.disks.values()])
    for name, disk in group.disks.items():
        clash = [path for path in writable if _overlap(path, disk.mount)]
        if clash:
            wrong = f"{disk.mount} and the writable path {clash[0]} of image {family} overlap"
            yield (*place, name, "mount"), wrong, "a path is on a disk or in memory, not both"


def _checks(place: Place, group: GroupSpec, *, served: bool) -> Iterator[Found]:
    """Checks that never could judge anything: what the proxy counts needs a service, a comparison an old version with traffic."""
    analysis, strategy = group.rollout.analysis, group.rollout.strategy
    for at, check in enumerate(analysis.checks if analysis else ()):
        counted = check.errors or check.latency
        kind = "errors" if check.errors else "latency"
        if counted and not served:
            wrong = "no service leads to this group, so that the proxy counts nothing of it"
            yield (*place, at, kind), wrong, "ask it by a probe, prometheus or run instead"
        elif counted and counted.most is None and strategy not in COMPARING:
            wrong = f"with strategy {strategy} the old version has no traffic to compare with"
            yield (*place, at, kind), wrong, "give it a limit of its own (`most`), or write strategy: canary"


def _twins(everything: Sequence[Declared]) -> Iterator[Found]:
    """Names are joined with dashes, so that different things can come to the same name: `a-b` and `c`, `a` and `b-c`."""
    taken: dict[tuple[str, str], str] = {}
    for here, name, deployment in everything:
        for group_name, group in deployment.groups.items():
            place = (*here, "groups", group_name)
            made = [("machines", fleet_name(name, group_name, 1), place)]
            made += [("disks", disk_name(name, group_name, disk, 0), (*place, "disks", disk)) for disk in group.disks]
            for kind, made_name, where in made:
                other = taken.setdefault((kind, made_name), ".".join(where))
                if other != ".".join(where):
                    yield where, f"its {kind} would have the names of those of {other}", "choose another name"


def _listeners(everything: Sequence[Declared]) -> Iterator[Found]:
    taken = dict[tuple[str, int], tuple[int, str]]()
    """The first service at a host and port, and at any host ("") of a port, with its number."""
    for here, name, deployment in everything:
        for service_name, service in deployment.services.items():
            place = (*here, "services", service_name, "listen")
            host, _, port = service.listen.replace("localhost:", "127.0.0.1:").replace("*:", "0.0.0.0:").rpartition(":")
            if any(octet != str(int(octet)) or int(octet) > 255 for octet in host.split(".")) or _port(port) is None:
                yield place, f"{service.listen!r} is no address", 'write it like "127.0.0.1:8080"'
                continue
            hosts = ("",) if host == "0.0.0.0" else (host, "0.0.0.0")
            others = [taken[one, int(port)] for one in hosts if (one, int(port)) in taken]
            if others:
                wrong = f"{service.listen} is taken by service {min(others)[1]}"
                yield place, wrong, "give each service its own address"
            for one in (host, ""):
                taken.setdefault((one, int(port)), (len(taken), f"{name}.{service_name}"))


def _port(text: str) -> int | None:
    return int(text) if 1 <= int(text) <= 65535 and text == str(int(text)) else None


def _nested(place: tuple[str | int, ...], paths: list[str]) -> Iterator[Found]:
    around: list[tuple[str, int]] = []
    overlapping: list[tuple[int, int]] = []
    # in order, what is inside follows what it is inside of
    for path, at in sorted((f"{path}/", at) for at, path in enumerate(paths)):
        while around and not path.startswith(around[-1][0]):
            around.pop()
        overlapping += [(max(at, other), min(at, other)) for _, other in around]
        around.append((path, at))
        if len(overlapping) > MOST_PROBLEMS:
            break
    for at, other in sorted(overlapping):
        yield place, f"{paths[other]} and {paths[at]} overlap", "one folder can't be inside another one here"


def _overlap(a: str, b: str) -> bool:
    return f"{a}/".startswith(f"{b}/") or f"{b}/".startswith(f"{a}/")
