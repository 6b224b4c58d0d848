"""What only shows when one looks at the whole document: names that lead nowhere, and things that can't stand together."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from stoneware.model.deployment import DeploymentSpec, Document, GroupSpec, ImageSpec
from stoneware.names import disk_name, fleet_name, machine_name, split_image_name
from stoneware.spec.words import near

Found = tuple[tuple[str | int, ...], str, str]
"""Where (path), what is wrong, what would be right."""

LONGEST_NAME = 63


def reference_problems(document: Document, folder: Path) -> Iterator[Found]:
    """Every such problem. `folder` is where recipes are looked for."""
    for family, image in document.images.items():
        yield from _image(family, image, folder)
    for name, deployment in document.deployments.items():
        yield from _deployment(name, deployment, document)
    yield from _twins(document)
    yield from _listeners(document)


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


def _deployment(name: str, deployment: DeploymentSpec, document: Document) -> Iterator[Found]:
    here = ("deployments", name)
    for group_name, group in deployment.groups.items():
        place = (*here, "groups", group_name)
        family = (split_image_name(group.image) or (group.image, 0))[0]
        # a file without images deploys what another repository bakes
        if document.images and family not in document.images:
            wrong = f"no image family {family!r} is declared here"
            yield (*place, "image"), wrong, near(family, list(document.images), "known")
        longest = machine_name(name, group_name, 9999, group.size - 1)
        if len(longest) > LONGEST_NAME:
            wrong = f"machine names such as {longest} would be too long"
            yield place, wrong, "shorten the deployment's or group's name"
        writable = document.images[family].writable if family in document.images else ()
        yield from _disks((*place, "disks"), group, family, writable)
    for service_name, service in deployment.services.items():
        if service.group not in deployment.groups:
            wrong = f"there is no group {service.group!r}"
            yield (*here, "services", service_name, "group"), wrong, near(service.group, [*deployment.groups], "known")


def _disks(place: tuple[str, ...], group: GroupSpec, family: str, writable: tuple[str, ...]) -> Iterator[Found]:
    yield from _nested(place, [disk.mount for disk in group.disks.values()])
    for name, disk in group.disks.items():
        clash = [path for path in writable if _overlap(path, disk.mount)]
        if clash:
            wrong = f"{disk.mount} and the writable path {clash[0]} of image {family} overlap"
            yield (*place, name, "mount"), wrong, "a path is on a disk or in memory, not both"


def _twins(document: Document) -> Iterator[Found]:
    """Names are joined with dashes, so that different things can come to the same name: `a-b` and `c`, `a` and `b-c`."""
    taken: dict[tuple[str, str], str] = {}
    for name, deployment in document.deployments.items():
        for group_name, group in deployment.groups.items():
            place: tuple[str, ...] = ("deployments", name, "groups", group_name)
            made = [("machines", fleet_name(name, group_name, 1), place)]
            made += [("disks", disk_name(name, group_name, disk, 0), (*place, "disks", disk)) for disk in group.disks]
            for kind, made_name, where in made:
                other = taken.setdefault((kind, made_name), ".".join(where))
                if other != ".".join(where):
                    yield where, f"its {kind} would have the names of those of {other}", "choose another name"


def _listeners(document: Document) -> Iterator[Found]:
    taken: list[tuple[str, int, str]] = []
    for name, deployment in document.deployments.items():
        for service_name, service in deployment.services.items():
            place = ("deployments", name, "services", service_name, "listen")
            host, _, port = service.listen.replace("localhost:", "127.0.0.1:").replace("*:", "0.0.0.0:").rpartition(":")
            if any(octet != str(int(octet)) or int(octet) > 255 for octet in host.split(".")) or _port(port) is None:
                yield place, f"{service.listen!r} is no address", 'write it like "127.0.0.1:8080"'
                continue
            for other_host, other_port, other in taken:
                if other_port == int(port) and (other_host == host or "0.0.0.0" in (host, other_host)):
                    wrong = f"{service.listen} is taken by service {other}"
                    yield place, wrong, "give each service its own address"
                    break
            taken.append((host, int(port), f"{name}.{service_name}"))


def _port(text: str) -> int | None:
    return int(text) if 1 <= int(text) <= 65535 and text == str(int(text)) else None


def _nested(place: tuple[str | int, ...], paths: list[str]) -> Iterator[Found]:
    for i, path in enumerate(paths):
        for other in paths[:i]:
            if _overlap(path, other):
                yield place, f"{other} and {path} overlap", "one folder can't be inside another one here"


def _overlap(a: str, b: str) -> bool:
    return f"{a}/".startswith(f"{b}/") or f"{b}/".startswith(f"{a}/")
