"""What the images that steps name stand for here: teams write `gcr.io/cloud-builders/docker`, and no registry is asked for it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from stoneware.errors import Misconfigured, NotFound
from stoneware.host.files import locked, write_atomic

DOCKER = ("docker", "docker-compose")
"""Builders that are nothing without the docker socket, by the last part of their names."""


@dataclass(frozen=True)
class Builders:
    """The mapping of a home, in a file: names as they stand in build files, to images of the builds' store or of a registry."""

    file: Path

    def all(self) -> dict[str, str]:
        """Raises Misconfigured when the file can't be read."""
        try:
            told = json.loads(self.file.read_text())
        except FileNotFoundError:
            return {}
        except ValueError as broken:
            raise Misconfigured(f"{self.file} can't be read: {broken}", "put it right, or remove it") from broken
        return {str(name): str(image) for name, image in told.items()}

    def resolve(self, name: str) -> str:
        """The image to run. A mapping without a tag holds for every tag that has none of its own."""
        known = self.all()
        return known.get(name) or known.get(untagged(name)) or name

    def map(self, name: str, image: str) -> None:
        with locked(self.file.with_suffix(".lock")):
            self._write({**self.all(), name: image})

    def unmap(self, name: str) -> None:
        """Raises NotFound."""
        with locked(self.file.with_suffix(".lock")):
            known = self.all()
            if name not in known:
                raise NotFound(f"no builder is mapped as {name}", "`stoneware builder list` shows them")
            self._write({one: image for one, image in known.items() if one != name})

    def _write(self, known: dict[str, str]) -> None:
        write_atomic(self.file, json.dumps(known, indent=2, sort_keys=True))


def untagged(name: str) -> str:
    """An image's name without tag and digest."""
    name = name.partition("@")[0]
    head, slash, last = name.rpartition("/")
    return f"{head}{slash}{last.partition(':')[0]}"


def is_short(name: str) -> bool:
    """Whether a name says nothing of the registry that it is from: `alpine` is, `docker.io/library/alpine` isn't."""
    first, slash, _ = name.partition("/")
    return not slash or not ("." in first or ":" in first or first == "localhost")


def wants_docker(name: str) -> bool:
    """Whether a builder works with the docker socket."""
    return untagged(name).rpartition("/")[2] in DOCKER
