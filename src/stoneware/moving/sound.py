"""Whether a manifest that comes from outside is one that a bake could have written. What is in it becomes paths and words here."""

from __future__ import annotations

import re
from collections.abc import Callable

from stoneware.errors import Refused
from stoneware.model.image import Manifest, SealedFile
from stoneware.moving.parts import NAME, TAKEN

FAMILY = re.compile(r"[a-z][a-z0-9-]{0,39}")
HEX = re.compile(r"[0-9a-f]{64}")
SALT = re.compile(r"-|([0-9a-f]{2}){1,256}")
BLOCK = 4096
VM_FILES = ("kernel", "vmlinux", "initrd")
MORE_FILES = ("sbom",)
"""What an image may have besides, and needn't."""
MOST_LAYERS = 100


def require_sound(manifest: Manifest, no: Callable[[str], Refused]) -> None:
    """Raises what `no` makes of the first thing that is wrong."""
    wrong = next(iter(_wrong(manifest)), None)
    if wrong:
        raise no(wrong)


def _wrong(manifest: Manifest) -> list[str]:
    """All that is wrong, the most basic first."""
    found = []
    if not FAMILY.fullmatch(manifest.family):
        found.append(f"{manifest.family[:60]!r} is no name of an image family")
    if not manifest.deliver or len(set(manifest.deliver)) != len(manifest.deliver):
        found.append("the image's manifest doesn't say how it is delivered")
    if not 0 < len(manifest.layers) <= MOST_LAYERS:
        found.append(f"the image has {len(manifest.layers)} layers")
    layers = {f"{kind}-{number}" for number in range(len(manifest.layers)) for kind in ("layer", "listing")}
    roles = layers | set(VM_FILES if "vm" in manifest.deliver else ())
    odd = [role for role in sorted(manifest.files) if role not in roles and role not in MORE_FILES]
    if odd or not roles <= set(manifest.files):
        odd = odd or sorted(roles - set(manifest.files))
        found.append(f"the image's manifest has the wrong files: {odd[0][:60]!r}")
    names = [sealed.name for sealed in manifest.files.values()]
    if len(set(names)) != len(names):
        found.append("two of the image's files have the same name")
    found += [said for role, sealed in sorted(manifest.files.items()) for said in _wrong_file(role, sealed)]
    if ("container" in manifest.deliver) != bool(manifest.container):
        found.append("the image's manifest doesn't agree with itself about a container")
    if manifest.container and not HEX.fullmatch(manifest.container.removeprefix("sha256:")):
        found.append("the image's container has no digest")
    return found or _wrong_layers(manifest)


def _wrong_file(role: str, sealed: SealedFile) -> list[str]:
    if not NAME.fullmatch(sealed.name) or sealed.name in TAKEN:
        return [f"{sealed.name[:60]!r} is no name for a file of an image"]
    if not HEX.fullmatch(sealed.sha256) or sealed.size_bytes < 0:
        return [f"{role} has no digest and length"]
    return []


def _wrong_layers(manifest: Manifest) -> list[str]:
    """A layer's hash tree lies within its file, behind the data."""
    found = []
    for number, verity in enumerate(manifest.layers):
        size = manifest.files[f"layer-{number}"].size_bytes
        inside = 0 < verity.data_blocks <= verity.hash_start_block and verity.hash_start_block * BLOCK <= size
        if not (inside and HEX.fullmatch(verity.root_hash) and SALT.fullmatch(verity.salt)):
            found.append(f"the hash tree of layer {number} can't be as the image's manifest says")
    return found
