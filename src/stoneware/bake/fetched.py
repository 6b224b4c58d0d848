"""The images that a commit's recipe takes something from are there before its build begins, which then fetches nothing itself."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from stoneware.bake.base import image_digest
from stoneware.bake.growth import ASSUMED
from stoneware.bake.workspace import Workspace
from stoneware.errors import BakeFailed, ToolFailed


def fetch(space: Workspace, names: Sequence[str], *, network: bool) -> None:
    """Raises BakeFailed for an image that can't be had (without `network`: that isn't there), for one with instructions of its own
    (ONBUILD), for the build would do them and nobody has looked at them, and for one with longer variables than were reckoned with
    (`growth`)."""
    for name in names:
        if image_digest(space, name) is None:
            _pull(space, name, network=network)
        config = json.loads(space.buildah("inspect", "--type", "image", name, quiet=True).stdout)["Docker"]["config"]
        for wrong, why, hint in (
            (config.get("OnBuild"), "brings instructions of its own (ONBUILD)", "write these steps in the recipe"),
            (_long(config), f"has a variable of more than {ASSUMED} letters", "set that in the recipe, from a file"),
        ):
            if wrong:
                raise BakeFailed(
                    f"the image {name} {why}, which a commit's recipe may not start from",
                    f"FROM {name}",
                    next_step=f"start from another image, and {hint}",
                    code="recipe-refused",
                )


def _long(config: Mapping[str, Any]) -> bool:
    return any(len(variable) > ASSUMED for variable in config.get("Env") or ())


def _pull(space: Workspace, name: str, *, network: bool) -> None:
    step = f"FROM {name}"
    if not network:
        hint = "allow the build the network (`--allow network`), or start from our base or an image FAMILY/N"
        why = f"the base {name} isn't there, and this build has no network"
        raise BakeFailed(why, step, next_step=hint, code="base-unavailable")
    try:
        space.buildah("pull", "--policy", "missing", "--quiet", name)
    except ToolFailed as failed:
        last = [line for line in failed.tail.strip().splitlines() if line.strip()][-1:] or ["no output"]
        hint = "check its name, which has its registry in front, and the way to that registry"
        why = f"the base {name} isn't there: {last[0].removeprefix('Error: ')}"
        raise BakeFailed(why, step, failed.tail, hint, code="base-unavailable") from failed
