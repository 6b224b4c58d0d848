"""Whether a stored image is what its name says: every file against the manifest, the manifest against the name."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from pydantic import ValidationError

from stoneware.bake.erofs import verify_words
from stoneware.bake.oci import TREE
from stoneware.bake.tree import Node, listing, stack, tree_digest
from stoneware.errors import BadInput, NotFound, Refused, ToolFailed
from stoneware.host.files import sha256_of
from stoneware.host.run import run
from stoneware.model.image import Artifact, Manifest, Verity
from stoneware.model.listing import FileEntry, from_lines

AGAIN = "bake it again"


def load(images: Path, digest: str) -> Artifact:
    """An image's files by digest, unchecked. Raises NotFound or Refused."""
    folder = images / digest.removeprefix("sha256:")
    try:
        manifest = Manifest.model_validate_json((folder / "manifest.json").read_bytes())
    except FileNotFoundError:
        raise NotFound(f"the files of image {digest[:19]} are gone from {images}", AGAIN) from None
    except ValidationError:
        raise Refused(f"image {digest[:19]}: manifest.json can't be read", AGAIN) from None
    return Artifact(folder=folder, manifest=manifest)


def verify(images: Path, digest: str) -> Artifact:
    """The same, with every byte read. Raises Refused naming the first thing that is wrong."""
    for _ in checks(images, digest):
        pass
    return load(images, digest)


def checks(images: Path, digest: str) -> Iterator[str]:
    """Proves an image part by part, and says each part that holds. Raises NotFound, or Refused naming the first that doesn't."""
    artifact = load(images, digest)
    name, manifest = f"image {digest[:19]}", artifact.manifest
    if manifest.digest != digest:
        raise Refused(f"{name}: manifest.json was changed", AGAIN)
    yield f"manifest {digest}"
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:  # hashing lets other threads run
        seen = pool.map(lambda role: _check_file(artifact, role, name), manifest.files)
        trees = pool.map(lambda layer: _check_layer(layer[0], layer[1], name), artifact.layers)
        yield f"{len(list(seen))} files, {sum(sealed.size_bytes for sealed in manifest.files.values()) // 2**20} MiB"
        yield f"{len(list(trees))} hash trees"
    _check_tree(artifact, name)
    yield f"tree {manifest.tree}"
    if manifest.container:
        check_container(artifact, name)
        yield f"container {manifest.container}"


def _check_file(artifact: Artifact, role: str, name: str) -> None:
    sealed, path = artifact.manifest.files[role], artifact.file(role)
    if not path.is_file():
        raise Refused(f"{name}: {sealed.name} is missing", AGAIN)
    if path.stat().st_size != sealed.size_bytes:
        raise Refused(f"{name}: {sealed.name} has {path.stat().st_size} bytes, not {sealed.size_bytes}", AGAIN)
    if sha256_of(path) != sealed.sha256:
        raise Refused(f"{name}: {sealed.name} was changed", AGAIN)


def _check_layer(file: Path, verity: Verity, name: str) -> None:
    try:
        run(verify_words(file, verity), timeout_s=600)
    except ToolFailed as broken:
        if broken.status is None:
            raise Refused(f"{name}: {file.name} could not be read in time", "try it again") from broken
        raise Refused(f"{name}: {file.name} and its hash tree don't agree: {broken.message}", AGAIN) from broken


def _check_tree(artifact: Artifact, name: str) -> None:
    """The listings are among the files that were checked; here they must come to the tree that the manifest names."""
    try:
        entries = entries_of(artifact)
    except BadInput as broken:
        raise Refused(f"{name}: {broken.message}", AGAIN) from broken
    if tree_digest(entries) != artifact.manifest.tree:
        raise Refused(f"{name}: its listings don't come to its tree", AGAIN)


def check_container(artifact: Artifact, name: str) -> None:
    """Manifest, configuration and layers of the container, each against the digest that names it."""
    blobs = artifact.oci / "blobs" / "sha256"
    try:
        named = [one["digest"] for one in json.loads((artifact.oci / "index.json").read_bytes())["manifests"]]
    except (OSError, ValueError, KeyError, TypeError):
        raise Refused(f"{name}: the container's index.json is missing or can't be read", AGAIN) from None
    if named != [artifact.manifest.container]:
        raise Refused(f"{name}: the container's index.json names another image", AGAIN)
    known = set()
    pending = [artifact.manifest.container]
    while pending:
        digest = pending.pop()
        known.add(digest.removeprefix("sha256:"))
        path = blobs / digest.removeprefix("sha256:")
        if not path.is_file():
            raise Refused(f"{name}: the container's {digest[:19]} is missing", AGAIN)
        if sha256_of(path) != path.name:
            raise Refused(f"{name}: the container's {digest[:19]} was changed", AGAIN)
        if digest == artifact.manifest.container:
            whole = json.loads(path.read_bytes())
            if whole["annotations"].get(TREE) != artifact.manifest.tree:
                raise Refused(f"{name}: the container is of another tree", AGAIN)
            pending += [whole["config"]["digest"], *(layer["digest"] for layer in whole["layers"])]
    strange = sorted({path.name for path in blobs.iterdir()} - known)
    if strange:
        raise Refused(f"{name}: the container has {strange[0][:12]}, which it doesn't name", AGAIN)


def entries_of(artifact: Artifact) -> dict[str, FileEntry]:
    """What an image's tree holds, from the listings of its layers. Raises BadInput, NotFound."""
    try:
        lists = [
            from_lines(artifact.file(f"listing-{number}").read_bytes())
            for number in range(len(artifact.manifest.layers))
        ]
    except (FileNotFoundError, KeyError):
        raise NotFound(f"image {artifact.manifest.digest[:19]} has lost its listings", AGAIN) from None
    trees = [{path: Node(entry) for path, entry in entries.items()} for entries in lists]
    return listing(stack(trees, bottom=True))
