"""What can be known of a build file before anything is substituted: limits, and what must fit together."""

from __future__ import annotations

from stoneware.spec.cloudbuild.check_substitutions import check_substitutions
from stoneware.spec.cloudbuild.check_volumes import check_volumes
from stoneware.spec.cloudbuild.file import ArtifactsDraft, BuildDraft, Complaints, StepDraft
from stoneware.spec.cloudbuild.kinds import span
from stoneware.spec.cloudbuild.waits import check_waits
from stoneware.spec.yaml_lines import Path, shown

MOST_STEPS = 300
MOST_ARGS = 100
MOST_ENV = 100
MOST_IMAGES = 100
MOST_PATHS = 100
MOST_TAGS = 64
LONGEST_ARG = 10_000
INTO_A_FILE = "what is longer goes into a file of the repository"
NAMED = "write NAME=value, without spaces before ="
LONGEST_ENV = 65_535
"""Bytes of a variable, with its name: podman reads them from lines that are no longer (Go's bufio.Scanner)."""
LARGEST_STEP = 1_500_000
"""Bytes of a step's arguments and variables together: no program gets more than 2 MiB (execve(2)), and others use of that, too."""
LONGEST_NAME = 1000
"""Characters of an image's name, and of a folder's."""
LONGEST_BUILD_S = 86_400.0


def check(build: BuildDraft, say: Complaints) -> None:
    """Says everything that is wrong."""
    if not build.steps and not say.touches(("steps",)):
        say.wrong(("steps",), "there are no steps", "write at least one, with the `name` of the image that it runs")
    _most(("steps",), len(build.steps), MOST_STEPS, "steps", say)
    if build.timeout is not None and build.timeout > LONGEST_BUILD_S:
        say.wrong(("timeout",), f"{span(build.timeout)} is too long", f"write at most {span(LONGEST_BUILD_S)}")
    for at, step in enumerate(build.steps):
        _step(step, ("steps", at), build, say)
    _env(build.options.env, ("options", "env"), say)
    check_waits(build.steps, say)
    check_volumes(build, say)
    check_substitutions(build.substitutions, say)
    _most(("tags",), len(build.tags), MOST_TAGS, "tags", say)
    _artifacts(build.images, build.artifacts, say)


def _step(step: StepDraft, here: Path, build: BuildDraft, say: Complaints) -> None:
    if not step.name and not say.touches((*here, "name")) and not _is_no_group(here, say):
        say.wrong(
            (*here, "name"), "is missing", "name the image that the step runs, or one of stoneware/check, bake, …"
        )
    for key, value in (("name", step.name), ("dir", step.dir), ("entrypoint", step.entrypoint or "")):
        _longest((*here, key), value, LONGEST_NAME, say)
    if step.script is not None:
        for key, given in (("args", step.args), ("entrypoint", step.entrypoint)):
            if given is not None:
                say.wrong((*here, key), "can't stand beside script", f"write either script or {key}")
    _most((*here, "args"), len(step.args or ()), MOST_ARGS, "arguments", say)
    for at, one in enumerate(step.args or ()):
        _longest((*here, "args", at), one, LONGEST_ARG, say)
    _env(step.env, (*here, "env"), say)
    limit = min(build.timeout or LONGEST_BUILD_S, LONGEST_BUILD_S)
    if step.timeout is not None and step.timeout > limit:
        wrong = f"{span(step.timeout)} is longer than the whole build may take ({span(limit)})"
        say.wrong((*here, "timeout"), wrong, f"write at most {limit:g}s")


def _is_no_group(here: Path, say: Complaints) -> bool:
    """Whether a step is no group of keys at all, which was said."""
    line, shown_path = say.places.get(here, (0, ""))
    return any(one.path == shown_path and one.line == line for one in say.problems)


def names_a_variable(name: str) -> bool:
    """Whether a program can be given a variable of this name: podman takes one that begins with # for a comment."""
    return bool(name) and not name.startswith("#") and not any(one.isspace() for one in name)


def _fitting(name: str) -> str:
    """A name that can be shown as it is."""
    return name if name.isprintable() and name else "NAME"


def _env(entries: tuple[str, ...], here: Path, say: Complaints) -> None:
    _most(here, len(entries), MOST_ENV, "variables", say)
    for at, entry in enumerate(entries):
        place = (*here, at)
        if len(entry.encode()) > LONGEST_ENV:
            say.wrong(
                place, f"{shown(entry)} has {len(entry.encode())} bytes", f"write at most {LONGEST_ENV}; {INTO_A_FILE}"
            )
        name = entry.partition("=")[0]
        if say.touches(place):
            continue
        if "=" not in entry:
            say.wrong(place, f"{shown(entry)} gives no value", f"write {_fitting(name)}=value")
        elif not names_a_variable(name):
            say.wrong(place, f"{shown(entry)} names no variable", NAMED)


def _artifacts(images: tuple[str, ...], artifacts: ArtifactsDraft, say: Complaints) -> None:
    for path, given in ((("images",), images), (("artifacts", "images"), artifacts.images)):
        _most(path, len(given), MOST_IMAGES, "images", say)
        for at, one in enumerate(given):
            _longest((*path, at), one, LONGEST_NAME, say)
    if images and artifacts.images and images != artifacts.images:
        say.wrong(("artifacts", "images"), "are others than those of `images`", "write them once")
    if artifacts.objects is None:
        return
    here, paths = ("artifacts", "objects", "paths"), artifacts.objects.paths
    if not paths and not say.touches(here):
        say.wrong(here, "names no files", "write paths below the workspace, such as dist/*")
    _most(here, len(paths), MOST_PATHS, "paths", say)
    for at, one in enumerate(paths):
        if one in paths[:at] and not say.touches((*here, at)):
            say.wrong((*here, at), f"{shown(one)} is given twice", "write it once")


def _most(path: Path, number: int, most: int, what: str, say: Complaints) -> None:
    if number > most:
        say.wrong(path, f"has {number} {what}", f"write at most {most}")


def _longest(path: Path, value: str, most: int, say: Complaints) -> None:
    if len(value) > most:
        say.wrong(path, f"{shown(value)} has {len(value)} characters", f"write at most {most}")
