"""A step as the words of `podman run`: what it may reach is all that stands here."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from stoneware.model.build import BuildStep

WORKSPACE = "/workspace"
HOME = "/builder/home"
SCRIPTS = "/builder/scripts"
DOCKER_SOCKET = "/var/run/docker.sock"
MOST_PROCESSES = 4096
FIRST_TO_END = 1000
"""Limits are a step's, and several steps may use more together than the host has. Then the kernel ends what has the highest
`oom_score_adj` (proc(5)) first: a step, and no machine, proxy or daemon. A step can't lower its own where we have
CAP_SYS_RESOURCE."""


@dataclass(frozen=True)
class Ground:
    """What a step runs on. `mounts` are folders of the host and where a step sees them, with `:ro` where it can't write; `network`
    is podman's name of one, or `none`; `image` is the image by the name that it has in the store; `pull` is what becomes of
    one that isn't there: `never` or `missing`. `pid_file` is written as soon as there is a container: whatever comes of it then is
    its own end, not podman's."""

    name: str
    build: str
    image: str
    mounts: tuple[tuple[Path, str], ...]
    network: str
    memory_bytes: int
    environment_file: Path
    pid_file: Path
    pull: str = "never"


def run_words(step: BuildStep, ground: Ground, number: int) -> list[str | Path]:
    """The words behind `podman`."""
    words: list[str | Path] = ["run", "--rm", "--name", ground.name, "--label", f"stoneware.build={ground.build}"]
    words += ["--network", ground.network, "--pull", ground.pull, "--log-driver", "none", "--hostname", "build"]
    words += ["--security-opt", "no-new-privileges", "--cap-drop", "NET_RAW", "--pids-limit", str(MOST_PROCESSES)]
    words += ["--oom-score-adj", str(FIRST_TO_END), "--pidfile", ground.pid_file]
    words += ["--memory", str(ground.memory_bytes), "--workdir", step.directory, "--env-file", ground.environment_file]
    for several in many_lined(step):
        words += ["--env", several]
    for place, seen in ground.mounts:
        words += ["--volume", f"{place}:{seen}"]
    if step.script is not None:
        script = f"{SCRIPTS}/{number}"
        entry = [script] if step.script.startswith("#!") else ["sh", "-e", script]
        return [*words, "--entrypoint", json.dumps(entry), ground.image]
    if step.entrypoint is not None:
        words += ["--entrypoint", json.dumps([step.entrypoint])]
    return [*words, ground.image, *step.args]


def environment_text(step: BuildStep) -> str:
    """A step's environment as podman reads it from a file: there it isn't seen by everybody who lists processes."""
    return "".join(f"{one}\n" for one in (f"HOME={HOME}", *step.environment) if not _breaks(one))


def many_lined(step: BuildStep) -> list[str]:
    """Variables with several lines, which such a file can't hold."""
    return [one for one in step.environment if _breaks(one)]


def _breaks(variable: str) -> bool:
    """Whether a line of a file isn't all of it: podman takes a carriage return at the end for a part of the line's."""
    return "\n" in variable or "\r" in variable
