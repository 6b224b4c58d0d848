"""Whether a stored image is what its name says: every file against the manifest, the manifest against the name."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from pydantic import ValidationError

from stoneware.bake.attest import ATTESTATIONS
from stoneware.bake.erofs import verify_words
from stoneware.bake.oci import TREE, documents
from stoneware.bake.tree import merged, tree_digest
from stoneware.errors import BadInput, NotFound, Refused, ToolFailed
from stoneware.host.files import sha256_of
from stoneware.host.run import run
from stoneware.model.image import Artifact, Manifest, Verity
from stoneware.model.listing import FileEntry, from_lines
from stoneware.model.quantity import counted

AGAIN = "bake it again"


def load(images: Path, digest: str) -> Artifact:
    """An image's files by digest, unchecked. Raises NotFound or Refused."""
    folder = images / digest.removeprefix("sha256:")
    try:
        manifest = Manifest.model_validate_json((folder / "manifest.json").read_bytes())
    except FileNotFoundError:
        raise NotFound(
            f"the files of image {digest[:19]} are gone from {images}", AGAIN, code="image-damaged"
        ) from None
    except ValidationError:
        raise Refused(f"image {digest[:19]}: manifest.json can't be read", AGAIN, code="image-damaged") from None
    except OSError as broken:
        raise _unreadable(digest, broken) from broken
    return Artifact(folder=folder, manifest=manifest)


def load_proven(images: Path, digest: str, roles: Callable[[str], bool]) -> Artifact:
    """The same, its manifest and these of its files checked: enough to say what is in it. Raises NotFound, Refused."""
    try:
        artifact = load(images, digest)
        _check_manifest(artifact, digest)
        for role in filter(roles, artifact.manifest.files):
            _check_file(artifact, role, f"image {digest[:19]}")
    except OSError as broken:
        raise _unreadable(digest, broken) from broken
    return artifact


def verify(images: Path, digest: str) -> Artifact:
    """The same, with every byte read. Raises Refused naming the first thing that is wrong."""
    for _ in checks(images, digest):
        pass
    return load(images, digest)


def checks(images: Path, digest: str) -> Iterator[str]:
    """Proves an image part by part, and says each part that holds. Raises NotFound, or Refused naming the first that doesn't."""
    try:
        yield from _checks(images, digest)
    except OSError as broken:
        raise _unreadable(digest, broken) from broken


def _unreadable(digest: str, broken: OSError) -> Refused:
    """A failing disk, or something in a file's place that is none."""
    file = Path(str(broken.filename)).name if broken.filename else "a file"
    why = f"image {digest[:19]}: {file} can't be read: {broken.strerror or broken}"
    return Refused(why, f"look at the disk, and {AGAIN}", code="image-damaged")


def _check_manifest(artifact: Artifact, digest: str) -> None:
    if artifact.manifest.digest != digest or f"sha256:{sha256_of(artifact.folder / 'manifest.json')}" != digest:
        raise Refused(f"image {digest[:19]}: manifest.json was changed", AGAIN, code="image-damaged")


def _checks(images: Path, digest: str) -> Iterator[str]:
    artifact = load(images, digest)
    name, manifest = f"image {digest[:19]}", artifact.manifest
    _check_manifest(artifact, digest)
    yield f"manifest {digest}"
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:  # hashing lets other threads run
        seen = pool.map(lambda role: _check_file(artifact, role, name), manifest.files)
        trees = pool.map(lambda layer: _check_layer(layer[0], layer[1], name), artifact.layers)
        yield f"{counted(len(list(seen)), 'file')}, {sum(sealed.size_bytes for sealed in manifest.files.values()) // 2**20} MiB"
        yield counted(len(list(trees)), "hash tree")
    _check_tree(artifact, name)
    yield f"tree {manifest.tree}"
    if manifest.container:
        check_container(artifact, name)
        yield f"container {manifest.container}"
    _check_nothing_more(artifact, name)


def is_whole(folder: Path, manifest: Manifest) -> bool:
    """Whether every byte of an image in this folder is what the manifest says. Its hash trees and its tree follow from that."""
    artifact, name = Artifact(folder=folder, manifest=manifest), f"image {manifest.digest[:19]}"
    try:
        with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
            list(pool.map(lambda role: _check_file(artifact, role, name), manifest.files))
        if manifest.container:
            check_container(artifact, name)
        return (folder / "manifest.json").read_bytes() == manifest.canonical()
    except (Refused, OSError):
        return False


def _check_file(artifact: Artifact, role: str, name: str) -> None:
    sealed, path = artifact.manifest.files[role], artifact.file(role)
    if not path.is_file() or path.is_symlink():
        raise Refused(f"{name}: {sealed.name} is missing", AGAIN, code="image-damaged")
    if path.stat().st_size != sealed.size_bytes:
        raise Refused(
            f"{name}: {sealed.name} has {path.stat().st_size} bytes, not {sealed.size_bytes}",
            AGAIN,
            code="image-damaged",
        )
    if sha256_of(path) != sealed.sha256:
        raise Refused(f"{name}: {sealed.name} was changed", AGAIN, code="image-damaged")


def _check_layer(file: Path, verity: Verity, name: str) -> None:
    try:
        run(verify_words(file, verity), timeout_s=600)
    except ToolFailed as broken:
        if broken.status is None:
            raise Refused(f"{name}: {file.name} could not be read in time", "try it again") from broken
        raise Refused(
            f"{name}: {file.name} and its hash tree don't agree: {broken.message}", AGAIN, code="image-damaged"
        ) from broken


def _check_tree(artifact: Artifact, name: str) -> None:
    """The listings are among the files that were checked; here they must come to the tree that the manifest names."""
    try:
        entries = entries_of(artifact)
    except BadInput as broken:
        raise Refused(f"{name}: {broken.message}", AGAIN, code="image-damaged") from broken
    if tree_digest(entries) != artifact.manifest.tree:
        raise Refused(f"{name}: its listings don't come to its tree", AGAIN, code="image-damaged")


def check_container(artifact: Artifact, name: str) -> None:
    """Manifest, configuration and layers of the container, each against the digest that names it; and the layout's own files."""
    blobs = artifact.oci / "blobs" / "sha256"
    known = {"blobs", "blobs/sha256"}
    pending = [artifact.manifest.container]
    while pending:
        digest = pending.pop()
        path = blobs / digest.removeprefix("sha256:")
        known.add(f"blobs/sha256/{path.name}")
        if not path.is_file():
            raise Refused(f"{name}: the container's {digest[:19]} is missing", AGAIN, code="image-damaged")
        if sha256_of(path) != path.name:
            raise Refused(f"{name}: the container's {digest[:19]} was changed", AGAIN, code="image-damaged")
        if digest == artifact.manifest.container:
            whole = json.loads(path.read_bytes())
            if whole["annotations"].get(TREE) != artifact.manifest.tree:
                raise Refused(f"{name}: the container is of another tree", AGAIN, code="image-damaged")
            pending += [whole["config"]["digest"], *(layer["digest"] for layer in whole["layers"])]
    size = (blobs / artifact.manifest.container.removeprefix("sha256:")).stat().st_size
    for file, content in documents(artifact.manifest.container, size).items():
        known.add(file)
        if not (artifact.oci / file).is_file():
            raise Refused(f"{name}: the container's {file} is missing", AGAIN, code="image-damaged")
        if (artifact.oci / file).read_bytes() != content:
            raise Refused(f"{name}: the container's {file} was changed", AGAIN, code="image-damaged")
    strange = sorted({str(path.relative_to(artifact.oci)) for path in artifact.oci.rglob("*")} - known)
    if strange:
        raise Refused(f"{name}: the container has {strange[0]}, which it doesn't name", AGAIN, code="image-damaged")


def _check_nothing_more(artifact: Artifact, name: str) -> None:
    """What lies beside the image's files is what is stated of it. (Hidden files are on their way to being written.)"""
    known = {"manifest.json", *ATTESTATIONS, *(sealed.name for sealed in artifact.manifest.files.values())}
    known |= {"oci"} if artifact.manifest.container else set()
    strange = sorted(path.name for path in artifact.folder.iterdir() if path.name not in known and path.name[0] != ".")
    if strange:
        place = artifact.folder / strange[0]
        raise Refused(
            f"{name}: {strange[0]} belongs to nothing in the image",
            f"look at {place}, and take it away",
            code="image-damaged",
        )


def entries_of(artifact: Artifact) -> dict[str, FileEntry]:
    """What an image's tree holds, from the listings of its layers. Raises BadInput, NotFound."""
    try:
        numbers = range(len(artifact.manifest.layers))
        return merged([from_lines(artifact.file(f"listing-{number}").read_bytes()) for number in numbers])
    except (FileNotFoundError, KeyError):
        raise NotFound(
            f"image {artifact.manifest.digest[:19]} has lost its listings", AGAIN, code="image-damaged"
        ) from None
