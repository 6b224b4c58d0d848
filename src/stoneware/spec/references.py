"""What only shows when one looks at the whole document: names that lead nowhere, and things that can't stand together."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from pathlib import Path

from stoneware.model.deployment import DeploymentSpec, Document, ImageSpec
from stoneware.names import machine_name, split_image_name

Found = tuple[tuple[str | int, ...], str, str]
"""Where (path), what is wrong, what would be right."""

LONGEST_NAME = 63


def reference_problems(document: Document, folder: Path) -> Iterator[Found]:
    """Every such problem. `folder` is where recipes are looked for."""
    for family, image in document.images.items():
        yield from _image(family, image, folder)
    for name, deployment in document.deployments.items():
        yield from _deployment(name, deployment, document)
    yield from _listeners(document)


def _image(family: str, image: ImageSpec, folder: Path) -> Iterator[Found]:
    for key, given, exists in (
        ("containerfile", image.containerfile, Path.is_file),
        ("context", image.context, Path.is_dir),
    ):
        place = (folder / given).resolve()
        if Path(given).is_absolute() or not place.is_relative_to(folder.resolve()):
            yield ("images", family, key), f"{given!r} leads out of the folder", "keep recipes beside stoneware.yaml"
        elif not exists(place):
            yield (
                ("images", family, key),
                f"there is no {given!r} beside stoneware.yaml",
                "write it, or name the right one",
            )
    yield from _nested(("images", family, "writable"), list(image.writable))


def _deployment(name: str, deployment: DeploymentSpec, document: Document) -> Iterator[Found]:
    here = ("deployments", name)
    for group_name, group in deployment.groups.items():
        place = (*here, "groups", group_name)
        family = (split_image_name(group.image) or (group.image, 0))[0]
        # a file without images deploys what another repository bakes
        if document.images and family not in document.images:
            yield (
                (*place, "image"),
                f"no image family {family!r} is declared here",
                _near(family, list(document.images)),
            )
        longest = machine_name(name, group_name, 9999, group.size - 1)
        if len(longest) > LONGEST_NAME:
            yield (
                place,
                f"machine names such as {longest} would be too long",
                "shorten the deployment's or group's name",
            )
        mounts = [disk.mount for disk in group.disks.values()]
        yield from _nested((*place, "disks"), mounts)
        writable = document.images[family].writable if family in document.images else ()
        for disk_name, disk in group.disks.items():
            clash = [path for path in writable if _overlap(path, disk.mount)]
            if clash:
                wrong = f"{disk.mount} and the writable path {clash[0]} of image {family} overlap"
                yield (*place, "disks", disk_name, "mount"), wrong, "a path is on a disk or in memory, not both"
    for service_name, service in deployment.services.items():
        if service.group not in deployment.groups:
            wrong = f"there is no group {service.group!r}"
            yield (*here, "services", service_name, "group"), wrong, _near(service.group, list(deployment.groups))


def _listeners(document: Document) -> Iterator[Found]:
    taken: dict[str, str] = {}
    for name, deployment in document.deployments.items():
        for service_name, service in deployment.services.items():
            place = ("deployments", name, "services", service_name, "listen")
            host, _, port = service.listen.rpartition(":")
            octets = host.split(".") if host[:1].isdigit() else []
            if any(int(octet) > 255 for octet in octets) or not 1 <= int(port) <= 65535:
                yield place, f"{service.listen!r} is no address", 'write it like "127.0.0.1:8080"'
            address = service.listen.replace("localhost:", "127.0.0.1:")
            if address in taken:
                yield (
                    place,
                    f"{service.listen} is taken by service {taken[address]}",
                    "give each service its own address",
                )
            taken.setdefault(address, f"{name}.{service_name}")


def _nested(place: tuple[str | int, ...], paths: list[str]) -> Iterator[Found]:
    for i, path in enumerate(paths):
        for other in paths[:i]:
            if _overlap(path, other):
                yield place, f"{other} and {path} overlap", "one folder can't be inside another one here"


def _overlap(a: str, b: str) -> bool:
    return f"{a}/".startswith(f"{b}/") or f"{b}/".startswith(f"{a}/")


def _near(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f"did you mean {near[0]!r}?" if near else f"known: {', '.join(sorted(known)) or 'none'}"
