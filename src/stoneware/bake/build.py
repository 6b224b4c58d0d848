"""Recipe to root tree: buildah builds it in layers that it keeps, so that only what changed is built again."""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass, field
from pathlib import Path

from stoneware.bake import own_cache
from stoneware.bake.base import BASE, EPOCH, ensure_base, image_digest
from stoneware.bake.bounds import require_within_bounds
from stoneware.bake.context import require_plain_names
from stoneware.bake.fetched import fetch
from stoneware.bake.instructions import unlike_its_shell
from stoneware.bake.limits import limit_words
from stoneware.bake.mounted import step_mounts
from stoneware.bake.own_network import own_network
from stoneware.bake.recipe import RecipeFiles
from stoneware.bake.room import Room
from stoneware.bake.workspace import PRINTED, Workspace
from stoneware.errors import BakeFailed, ToolFailed

_STEP = re.compile(r"^(?:\[\d+/\d+\] )?STEP \d+/\d+: .*")
_FROM_STEP = re.compile(r"^(?:\[\d+/\d+\] )?STEP \d+/\d+: FROM (?:--\S+ )*(\S+)", re.IGNORECASE)
_HERE_DOCUMENT = re.compile(r"^[ \t]*(?:RUN|COPY|ADD)\b.*<<-?[\"']?\w+", re.IGNORECASE | re.MULTILINE)
OURS = (BASE, f"localhost/{BASE}")


@dataclass(frozen=True)
class BuildResult:
    """The built image and the base that its last stage stands on, by their digests, and the base's name; both are empty for
    `FROM scratch`. `others` are the images that it took something from beside that, as far as their digests are known."""

    image: str
    base: str
    name: str = ""
    others: dict[str, str] = field(default_factory=dict)


def build(
    space: Workspace, files: RecipeFiles, now: float, *, cold: bool = False, network: bool = True, owner: str = ""
) -> BuildResult:
    """Builds a recipe. `cold` uses nothing that an earlier build left but its base. `now` is noted when the base must be made.
    Without `network` its steps reach nobody, not even the programs of this host. With an `owner` it uses no layer that was made
    for anybody else, or with another network, and a network of its own: this host's loopback is none of its affair.
    With an owner, or without a network, the recipe is held to its bounds (`bounds`), its steps have limits and know no proxy of
    the host's, and the build itself fetches nothing.

    Raises BakeFailed with the failing step and the last lines that were printed.
    """
    foreign = bool(owner) or not network
    if foreign:
        files = _within_bounds(files, space)
    require_plain_names(files)
    _require_own_shell(files)
    ours = ensure_base(space, now).digest if any(base in OURS for base in files.bases) else ""
    if foreign:
        fetch(space, [base for base in files.bases if base not in OURS], network=network)
    before = {base: ours if base in OURS else image_digest(space, base) or "" for base in files.bases}
    steps: list[str] = []
    room = Room(space.home.build)

    def line(text: str) -> None:
        printed = text.removeprefix(PRINTED)
        room.look(printed)
        if _STEP.match(printed):
            steps.append(printed)
            text = printed
        space.line(text)

    written = space.folder / "image-id"
    words: list[str | Path] = ["bud", "--layers", "--timestamp", str(EPOCH), "--isolation", "oci"]
    # this form alone knows SHELL; what is delivered is written by `oci`
    words += ["--format", "docker", "--iidfile", str(written)]
    words += (
        # the address of the host's proxy may have a password in it, which buildah would hand to each step
        ["--pull=never", "--http-proxy=false", *limit_words(space, files.context)]
        if foreign
        else ["--pull-always=false", "--runtime", "runc"]
    )
    mounted = step_mounts(files, before)
    if unknown := mounted.unknown:
        shown = f"{unknown.name} {unknown.text}".strip()
        space.line(f"no earlier layer is used: only the build knows what line {unknown.line} mounts ({shown[:80]})")
    words += ["--no-cache"] if cold or unknown else []
    listening = Workspace(space.home, space.folder, line, space.cancel)
    try:
        taken = own_cache.own(files, f"{network} {owner}" if owner else "", mounted.told, space.folder)
        with _network(space.folder, owner, network=network) as reached:
            listening.buildah(*words, "--network", reached, "--file", taken.containerfile, taken.context)
    except ToolFailed as failed:
        remark = "" if network else "; this build has no network (`--allow network`, where a step needs it)"
        remark += _here_documents(files)
        raise _explained(failed, steps[-1] if steps else "", files, room, remark) from failed
    base = "" if files.base == "scratch" else files.base
    digest = (image_digest(space, base) or "") if base else ""
    if before.get(base) and before[base] != digest:
        raise BakeFailed(
            f"the base {base} was made anew meanwhile",
            files.containerfile.name,
            next_step="bake again",
            code="base-unavailable",
        )
    others = {name: image_digest(space, name) or "" for name in files.bases if name != base}
    return BuildResult(written.read_text().strip(), digest, base, others)


def _within_bounds(files: RecipeFiles, space: Workspace) -> RecipeFiles:
    """The recipe as it is built when somebody else may have written it: in the bake's folder, under its own name."""
    text = require_within_bounds(files)
    return own_cache.written(files, text, space.folder / "bounds")


def _network(folder: Path, owner: str, *, network: bool) -> contextlib.AbstractContextManager[str]:
    """Which network its steps have, as buildah calls it."""
    if network and owner:
        return own_network(folder)
    return contextlib.nullcontext("host" if network else "none")


def _require_own_shell(files: RecipeFiles) -> None:
    odd = unlike_its_shell(files.containerfile.read_text(errors="replace"))
    if odd:
        hint = f'write it as a list of words: {odd.name} ["program", "word"]'
        raise BakeFailed(
            f"{odd.name} would not run in the recipe's SHELL",
            f"line {odd.line}: {odd.text}",
            "",
            hint,
            code="recipe-failed",
        )


def _here_documents(files: RecipeFiles) -> str:
    """A remark where a recipe has what an older buildah takes for instructions."""
    found = _HERE_DOCUMENT.search(files.containerfile.read_text(errors="replace"))
    return f"; it has a here-document ({found[0].strip()[:40]}), which buildah knows from 1.33 on" if found else ""


def _explained(failed: ToolFailed, step: str, files: RecipeFiles, room: Room, remark: str) -> BakeFailed:
    lines = [line for line in failed.tail.strip().splitlines() if line.strip()]
    if failed.status is None:
        return BakeFailed("the build was cut short", step, failed.tail, "bake again", code="interrupted")
    if room.was_full(failed.tail):
        return room.failure(step, failed.tail)
    last = lines[-1] if lines else "no output"
    if not step:
        hint = f"check {files.containerfile.name}: its syntax, and that its base {', '.join(files.bases) or '(none)'} exists"
        return BakeFailed(
            f"the recipe can't be built: {last}", files.containerfile.name, failed.tail, hint, code="recipe-failed"
        )
    base = _FROM_STEP.match(step)
    if base:
        hint = f"check its name: our base is {BASE}, our images are FAMILY/N (`stoneware image list`); all others"
        hint += " are named in full, with their registry"
        return BakeFailed(
            f"the base {base[1]} isn't there: {last.removeprefix('Error: ')}",
            step,
            failed.tail,
            hint,
            code="base-unavailable",
        )
    return BakeFailed(
        f"the recipe fails at {step}",
        step,
        failed.tail,
        f"mend that step in {files.containerfile.name}{remark}",
        code="recipe-failed",
    )
