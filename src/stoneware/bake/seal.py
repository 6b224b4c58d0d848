"""A build becomes a sealed image: its layers, a kernel and an initramfs for a machine, an OCI layout for a container, and a
manifest of all digests.

The image appears in the store by one rename, whole or not at all. What it shares with other images is stored once.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from stoneware.bake import oci
from stoneware.bake.base import EPOCH
from stoneware.bake.blobs import Blobs
from stoneware.bake.boot_pack import BootPack
from stoneware.bake.built import opened
from stoneware.bake.cmdline import kernel_cmdline
from stoneware.bake.entrance import bring_in, entrance
from stoneware.bake.entrypoint import entrypoint_of
from stoneware.bake.erofs import BLOCK
from stoneware.bake.inventory import take_inventory
from stoneware.bake.layers import SealedLayer, Sealing
from stoneware.bake.normal import is_left_out
from stoneware.bake.room import told_when_full
from stoneware.bake.sbom import cyclonedx
from stoneware.bake.scan import look
from stoneware.bake.tree import Node, Tree, tree_digest
from stoneware.bake.verify import is_whole
from stoneware.bake.workspace import Workspace
from stoneware.errors import BakeFailed
from stoneware.host.files import write_atomic
from stoneware.model.image import Artifact, Delivery, Manifest, Recipe, SealedFile, StateSchema
from stoneware.model.listing import FileEntry

INITS = ("sbin/init", "usr/sbin/init", "lib/systemd/systemd", "usr/lib/systemd/systemd")
NEEDED_FOLDERS = {"dev": 0o755, "etc": 0o755, "proc": 0o555, "run": 0o755, "sys": 0o555, "tmp": 0o1777}
NEEDED_FILES = ("etc/hosts", "etc/resolv.conf", "etc/hostname")
"""Every machine gets its own over them, so they must be there to be covered."""
SBOM = "sbom.cdx.json"
SHARED_KEYS = frozenset({"etc/ssl/private/ssl-cert-snakeoil.key"})
"""Keys that packages make when they are installed. One is left where it is, for programs may be set up to want it."""
NOTHING = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
"""The SHA-256 of an empty file."""


def seal(
    space: Workspace,
    image_id: str,
    *,
    family: str,
    recipe: Recipe,
    pack: BootPack | None,
    writable: Sequence[str],
    mounts: Sequence[str] = (),
    deliver: Sequence[Delivery] = ("vm",),
    state_schema: StateSchema | None = None,
    mended: Callable[[], object] = lambda: None,
) -> Artifact:
    """Seals a built image. `mounts` are folders that disks will be mounted at; they and `writable` are made where the tree has
    none. `pack` may be None when no `vm` is delivered. `mended` is told when the image was there, but not as it was sealed.

    Raises BakeFailed naming what the recipe lacks.
    """

    def make() -> tuple[Path, Manifest]:
        return _make(space, image_id, family, recipe, pack, writable, mounts, deliver, state_schema)

    out, manifest = make()
    target = space.home.images / manifest.digest.removeprefix("sha256:")
    with entrance(space.home):
        if target.exists():
            if is_whole(target, manifest):
                return Artifact(folder=target, manifest=manifest)
            mended()
            if Blobs(space.home.images / "blobs").drop_rotten(out, manifest):
                shutil.rmtree(out)
                out, manifest = make()
            for statement in target.glob("*.dsse.json"):
                shutil.copy2(statement, out / statement.name)
        return bring_in(space, out, manifest)


def _make(
    space: Workspace,
    image_id: str,
    family: str,
    recipe: Recipe,
    pack: BootPack | None,
    writable: Sequence[str],
    mounts: Sequence[str],
    deliver: Sequence[Delivery],
    state_schema: StateSchema | None,
) -> tuple[Path, Manifest]:
    """The image in a folder of its own. What was sealed before is linked, as long as it has its length."""
    with told_when_full("seal"), opened(space, image_id) as built:
        init = _init(built.tree)
        entrypoint = None if init else entrypoint_of(built.config)
        added = _missing(built.tree, [*writable, *mounts], entrypoint.folder if entrypoint else "")
        sealing = Sealing(space, built.layers, added, containers="container" in deliver)
        layers = sealing.run()
        entries = sealing.entries(layers)
        for path in sorted(SHARED_KEYS & entries.keys()):
            space.line(
                f"warning: /{path} is a private key that all machines of this image share; take it away in the RUN that made it"
            )
        inventory = take_inventory(built.tree, entries)
        config: Mapping[str, Any] = built.config
    with told_when_full("seal"):
        verities = tuple(layer.verity for layer in layers)
        tree = tree_digest(entries)
        out = space.folder / "sealed"
        out.mkdir()
        files = {
            f"{role}-{number}": file
            for number, layer in enumerate(layers)
            for role, file in _layer_files(number, layer)
        }
        bill = space.folder / SBOM
        boot = pack.packages if "vm" in deliver and pack is not None else ()
        bill.write_bytes(cyclonedx(inventory, family=family, digest=tree, epoch=EPOCH, boot=boot))
        files["sbom"] = sealing.blobs.add(bill, SBOM)
        words: dict[str, Any] = {}
        if "vm" in deliver and pack is not None:
            started_by = {
                "kernel": (pack.kernel, "vmlinuz"),
                "vmlinux": (pack.vmlinux, "vmlinux"),
                "initrd": (pack.initrd, "initrd.img"),
            }
            files |= {role: sealing.blobs.take(file, name) for role, (file, name) in started_by.items()}
            words = {"kernel_version": pack.kernel_version, "cmdline": kernel_cmdline(verities, init, writable)}
        for file in files.values():
            sealing.blobs.link(file, out / file.name)
        if "container" in deliver:
            archives = [layer.archive for layer in layers if layer.archive]
            words["container"] = oci.write_layout(out / "oci", sealing.blobs, archives, config, init, family, tree)
        manifest = Manifest(
            family=family,
            epoch=EPOCH,
            tree=tree,
            files=files,
            layers=verities,
            deliver=tuple(deliver),
            init=init,
            entrypoint=entrypoint,
            writable=tuple(writable),
            recipe=recipe,
            packages=inventory.components,
            tree_bytes=sum(verity.data_blocks for verity in verities) * BLOCK,
            state_schema=state_schema,
            **words,
        )
        write_atomic(out / "manifest.json", manifest.canonical(), mode=0o444)
        return out, manifest


def _layer_files(number: int, layer: SealedLayer) -> list[tuple[str, SealedFile]]:
    """A layer's files by what they are, under the names that they have in an image."""
    root = layer.root.model_copy(update={"name": f"layer-{number}.img"})
    names = layer.listing.model_copy(update={"name": f"layer-{number}.list"})
    return [("layer", root), ("listing", names)]


def _init(tree: Path) -> str:
    """The path of the tree's init; empty when it has none."""
    found = next((name for name in INITS if os.path.lexists(tree / name)), "")
    return f"/{found}" if found else ""


def _missing(tree: Path, folders: Sequence[str], start: str) -> Tree:
    """What the image needs in its tree and this one lacks: places to mount things at, for every machine and as declared, and the
    folder that its program starts in.

    Nothing is looked at through a link of the tree: on this host it would lead to the host's own files. Raises BakeFailed where
    something else than a folder stands in such a place.
    """
    wanted = dict(NEEDED_FOLDERS) | {folder.strip("/"): 0o755 for folder in folders}
    if start.strip("/") and not _through_link(tree, start.strip("/")):
        wanted.setdefault(start.strip("/"), 0o755)
    added: Tree = {}
    for name, mode in wanted.items():
        for part in _with_parents(name):
            if link := _through_link(tree, part):
                hint = "declare the folder that it leads to, or mend the recipe's base"
                raise BakeFailed(f"/{link} is a link in the image, so /{name} can't be used", "seal", next_step=hint)
            if not os.path.lexists(tree / part) or is_left_out(part):
                added.setdefault(part, Node(FileEntry("d", mode if part == name else 0o755, 0, 0, 0, "", ())))
            elif not (tree / part).is_dir():
                raise BakeFailed(
                    f"/{part} is no folder in the image", "seal", next_step="declare another path, or mend the recipe"
                )
    for name in NEEDED_FILES:
        if not os.path.lexists(tree / name):
            added[name] = Node(FileEntry("f", 0o644, 0, 0, 0, NOTHING, ()), content=b"")
    # a layer has every folder on the way to what it adds
    around = {part for name in added for part in _with_parents(name) if part not in added}
    return added | {".": look(".", tree)} | {part: look(part, tree / part) for part in sorted(around)} if added else {}


def _through_link(tree: Path, path: str) -> str:
    """The first part of a path in the tree that is a link; empty when none is."""
    return next((part for part in _with_parents(path) if (tree / part).is_symlink()), "")


def _with_parents(path: str) -> list[str]:
    parts = [part for part in path.split("/") if part]
    return ["/".join(parts[:end]) for end in range(1, len(parts) + 1)]
