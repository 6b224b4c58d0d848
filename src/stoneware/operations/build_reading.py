"""What a build is to do, read from its source: a build file of Google's form, or what `stoneware.yaml` says of its own build."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from stoneware.errors import BadInput
from stoneware.model.build import BuildSpec, Source
from stoneware.pipeline.folder import read_below
from stoneware.spec.cloudbuild import expand, own_build, read_cloudbuild
from stoneware.spec.load import parse

USUAL = ("cloudbuild.yaml", "cloudbuild.yml", "cloudbuild.json")
OURS = "stoneware.yaml"
LARGEST_BYTES = 2**20


def read_build(
    folder: Path, config: str, source: Source, given: Mapping[str, str], *, build: str, trigger: str
) -> BuildSpec:
    """The build of what lies in `folder`: as `config` says (a path within; only who has the folder may name one elsewhere), else as
    the first of the usual files does. Links are not followed: what is fetched is a commit's, and we are root.

    Raises BadInput with all problems.
    """
    if config.startswith("/") and source.folder:
        folder, config = Path(config).parent, Path(config).name
    for name in (config,) if config else USUAL:
        text = read_below(folder, _within(name), LARGEST_BYTES)
        if text is not None:
            return expand(read_cloudbuild(text, name), source, given, build_id=build, trigger=trigger)
    if config:
        raise BadInput(f"the source has no file {config}", next_step="check --config", code="build-file-invalid")
    text = read_below(folder, PurePosixPath(OURS), LARGEST_BYTES)
    if text is None:
        hint = f"write {USUAL[0]}, or a {OURS} (`stoneware init`)"
        raise BadInput("the source says nothing of a build", next_step=hint, code="build-file-invalid")
    if given:
        raise BadInput(f"{OURS} has no substitutions", next_step=f"leave them out, or write {USUAL[0]}")
    return own_build(parse(text, OURS, folder).document)


def _within(name: str) -> PurePosixPath:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or not path.parts:
        raise BadInput(f"{name} leads out of the source", next_step="name a file within", code="build-file-invalid")
    return path
