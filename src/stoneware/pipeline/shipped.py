"""Builders that the product makes itself, from its own base and the mirror's packages: few, and enough without a registry."""

from __future__ import annotations

from dataclasses import dataclass

DOCKER = """\
#!/bin/sh
exec podman --remote --url unix:///var/run/docker.sock "$@"
"""


@dataclass(frozen=True)
class Shipped:
    """`containerfile` is what it is made by, with `files` beside it; `stands_for` are names in build files that it answers to."""

    name: str
    containerfile: str
    files: tuple[tuple[str, str], ...] = ()
    stands_for: tuple[str, ...] = ()

    @property
    def image(self) -> str:
        return f"localhost/stoneware/builder-{self.name}:latest"


def _with_packages(*packages: str) -> str:
    return f"""\
FROM stoneware/debian:12
RUN apt-get update \\
 && apt-get install -y --no-install-recommends {" ".join(packages)} \\
 && rm -rf /var/lib/apt/lists/*
"""


SHIPPED = {
    one.name: one
    for one in (
        Shipped(
            "debian",
            _with_packages("git", "make", "python3", "python3-venv", "curl", "bash") + 'CMD ["bash"]\n',
            stands_for=("debian", "python"),
        ),
        Shipped(
            "git",
            _with_packages("git", "openssh-client") + 'ENTRYPOINT ["git"]\n',
            stands_for=("gcr.io/cloud-builders/git",),
        ),
        Shipped(
            "docker",
            _with_packages("podman") + 'COPY docker /usr/local/bin/docker\nENTRYPOINT ["docker"]\n',
            files=(("docker", DOCKER),),
            stands_for=("gcr.io/cloud-builders/docker",),
        ),
    )
}
