"""Root tree to sealed image: erofs, a dm-verity hash tree behind it, kernel, initramfs, and a manifest of all digests.

Equal trees give equal bytes: times, identifiers and salt are fixed, and files that only say when something was built are
left out. The image appears in the store by one rename, whole or not at all.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from stoneware.bake.base import EPOCH
from stoneware.bake.boot_pack import BootPack
from stoneware.bake.cmdline import kernel_cmdline
from stoneware.bake.packages import installed_packages
from stoneware.bake.workspace import Workspace
from stoneware.errors import BakeFailed, ToolFailed
from stoneware.host.files import sha256_of, sync_folder, write_atomic
from stoneware.model.image import Artifact, Manifest, Recipe, SealedFile, Verity

BLOCK = 4096
SALT = "00" * 32
UUID = "00000000-0000-0000-0000-000000000000"
INITS = ("sbin/init", "usr/sbin/init", "lib/systemd/systemd", "usr/lib/systemd/systemd")
NEEDED_FOLDERS = ("/dev", "/proc", "/run", "/sys", "/tmp")  # noqa: S108 - a folder of the image

# What differs from build to build and tells nothing about the content (regular expressions of paths in the tree).
UNREPEATABLE = (
    r"^var/cache/ldconfig/aux-cache$",
    r"^var/cache/apt/(src)?pkgcache\.bin$",
    r"^var/log/(apt/.*|dpkg\.log|alternatives\.log|bootstrap\.log)$",
    r"^var/lib/apt/lists/.+$",
    r"^var/cache/apt/archives/.*\.deb$",
)


def seal(
    space: Workspace,
    image_id: str,
    *,
    family: str,
    recipe: Recipe,
    pack: BootPack,
    writable: Sequence[str],
    mounts: Sequence[str] = (),
) -> Artifact:
    """Seals a built image. `mounts` are folders that disks will be mounted at; they and `writable` must be in the tree.

    Raises BakeFailed naming what the recipe lacks.
    """
    space.buildah("from", "--name", space.container, image_id, quiet=True)
    try:
        tree = Path(space.buildah("mount", space.container, quiet=True).stdout.strip())
        init = _check_tree(tree, [*writable, *mounts])
        out = space.folder / "sealed"
        out.mkdir()
        verity = seal_tree(space, tree, out / "root.img")
        packages = installed_packages(tree)
    finally:
        space.buildah("rm", space.container, quiet=True)
    shutil.copyfile(pack.kernel, out / "vmlinuz")
    shutil.copyfile(pack.initrd, out / "initrd.img")
    names = {"root": "root.img", "kernel": "vmlinuz", "initrd": "initrd.img"}
    manifest = Manifest(
        family=family,
        epoch=EPOCH,
        files={role: _sealed(out / name) for role, name in names.items()},
        verity=verity,
        kernel_version=pack.kernel_version,
        cmdline=kernel_cmdline(verity, init, writable),
        init=init,
        writable=tuple(writable),
        recipe=recipe,
        packages=packages,
        tree_bytes=verity.data_blocks * BLOCK,
    )
    return _enter(space, out, manifest)


def seal_tree(space: Workspace, tree: Path, root: Path) -> Verity:
    """Writes the root image of a tree, hash tree included."""
    words: list[str | Path] = ["mkfs.erofs", "-zlz4", f"-T{EPOCH}", f"-U{UUID}"]
    words += [f"--exclude-regex={pattern}" for pattern in UNREPEATABLE]
    try:
        space.run([*words, root, tree], timeout_s=1800, quiet=True)
        with root.open("r+b") as file:
            blocks = -(-file.seek(0, os.SEEK_END) // BLOCK)
            file.truncate(blocks * BLOCK)
        words = ["veritysetup", "format", "--no-superblock", f"--hash-offset={blocks * BLOCK}", f"--salt={SALT}"]
        words += [f"--data-blocks={blocks}", root, root]
        printed = space.run(words, timeout_s=600, quiet=True).stdout
    except ToolFailed as failed:
        full = "No space left" in failed.tail
        hint = "free some space and bake again" if full else "see the last lines above"
        raise BakeFailed(f"the tree can't be sealed: {failed.message}", "seal", failed.tail, hint) from failed
    found = [line.split()[-1] for line in printed.splitlines() if line.startswith("Root hash")]
    if not found:
        raise BakeFailed("veritysetup printed no root hash", "seal", printed)
    return Verity(root_hash=found[0], salt=SALT, data_blocks=blocks, hash_start_block=blocks)


def _check_tree(tree: Path, folders: Sequence[str]) -> str:
    """What must be in the tree. Returns the path of its init."""
    init = next((name for name in INITS if os.path.lexists(tree / name)), None)
    if init is None:
        hint = "start from a base with systemd, such as stoneware/debian:12"
        raise BakeFailed("the image has no init to start", "seal", next_step=hint)
    for folder in (*NEEDED_FOLDERS, *folders):
        inside = tree / folder.lstrip("/")
        if not inside.is_dir() or inside.is_symlink():
            kind = "exists, but is no folder" if os.path.lexists(inside) else "doesn't exist"
            raise BakeFailed(
                f"{folder} {kind} in the image", "seal", next_step=f"add `RUN mkdir -p {folder}` to the recipe"
            )
    return f"/{init}"


def _sealed(path: Path) -> SealedFile:
    with path.open("rb") as file:
        os.fsync(file.fileno())
    return SealedFile(name=path.name, sha256=sha256_of(path), size_bytes=path.stat().st_size)


def _enter(space: Workspace, folder: Path, manifest: Manifest) -> Artifact:
    """Moves a finished image into the store; an equal one that is there already stays."""
    write_atomic(folder / "manifest.json", manifest.canonical(), mode=0o644)
    for path in folder.iterdir():
        path.chmod(0o444)
    target = space.home.images / manifest.digest.removeprefix("sha256:")
    if (target / "manifest.json").exists():
        return Artifact(folder=target, manifest=manifest)
    shutil.rmtree(target, ignore_errors=True)
    folder.rename(target)
    sync_folder(space.home.images)
    return Artifact(folder=target, manifest=manifest)
