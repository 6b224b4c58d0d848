"""Sealed layers: what a group of a build's layers becomes, kept by what went in, so that only what is new is sealed."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from pydantic import ValidationError

from stoneware.bake import archive, erofs, farm, keystore, normal
from stoneware.bake import scan as scanning
from stoneware.bake import tree as tree_module
from stoneware.bake.blobs import Blobs
from stoneware.bake.built import BuiltLayer
from stoneware.bake.groups import group_layers
from stoneware.bake.scan import scan
from stoneware.bake.tree import Tree, listing, merged, stack
from stoneware.bake.workspace import Workspace
from stoneware.host.files import write_atomic
from stoneware.host.removing import remove_tree
from stoneware.model import listing as listing_module
from stoneware.model.image import SealedFile, Verity
from stoneware.model.listing import FileEntry, from_lines, to_lines
from stoneware.model.noun import Noun

SHAPES = (normal, keystore, scanning, tree_module, farm, erofs, archive, listing_module)
"""What decides to which bytes a layer is sealed: a change of any of them is another format."""


class SealedLayer(Noun):
    """A group of layers in its sealed forms. `archive` is the layer of a container; None when no container was asked for."""

    root: SealedFile
    listing: SealedFile
    verity: Verity
    archive: SealedFile | None = None


@dataclass
class Sealing:
    """Seals the layers of one build. `added` is what the image gets on top (folders that a machine needs)."""

    space: Workspace
    layers: Sequence[BuiltLayer]
    added: Tree
    containers: bool
    _scanned: dict[str, Tree] = field(default_factory=dict)

    @cached_property
    def blobs(self) -> Blobs:
        return Blobs(self.space.home.images / "blobs")

    def run(self) -> list[SealedLayer]:
        """All sealed layers, lowest first."""
        groups = group_layers([self._size(layer) for layer in self.layers])
        return [self._group(first, end) for first, end in groups]

    def entries(self, sealed: Sequence[SealedLayer]) -> dict[str, FileEntry]:
        """What sealed layers hold together."""
        return merged([from_lines(self.blobs.read(one.listing)) for one in sealed])

    def _group(self, first: int, end: int) -> SealedLayer:
        top = self.added if end == len(self.layers) else {}
        record = self._folder / f"{self._key(first, end, top)}.json"
        known = self._known(record)
        if known:
            return known
        layers = [self._scan(layer) for layer in self.layers[first:end]]
        tree = stack([*layers, top], bottom=first == 0)
        sealed = self._seal(tree)
        write_atomic(record, sealed.model_dump_json())
        return sealed

    def _seal(self, tree: Tree) -> SealedLayer:
        """The forms of a tree that nobody has sealed before."""
        work = self.space.folder / "layer"
        farm_folder, root, names = work / "tree", work / "root.img", work / "listing"
        remove_tree(work)
        farm_folder.mkdir(parents=True)
        try:
            farm.plant(tree, farm_folder)
            verity = erofs.seal_folder(self.space, farm_folder, root)
            names.write_bytes(to_lines(listing(tree)))
            packed = None
            if self.containers:
                archive.pack(tree, work / "layer.tar")
                packed = self.blobs.add(work / "layer.tar", "layer.tar")
            return SealedLayer(
                root=self.blobs.add(root, "root.img"),
                listing=self.blobs.add(names, "listing"),
                verity=verity,
                archive=packed,
            )
        finally:
            remove_tree(work)

    def _known(self, record: Path) -> SealedLayer | None:
        """What was sealed before, when all of it is still there. Listings are read byte by byte, for the image is named by what
        they say; the rest is when an image is told to be there already (`seal`), or is started."""
        try:
            known = SealedLayer.model_validate_json(record.read_bytes())
        except (FileNotFoundError, ValidationError):
            return None
        files = [known.root, known.listing, *([known.archive] if known.archive else [])]
        whole = all(self.blobs.has(file) for file in files) and (known.archive is not None or not self.containers)
        return known if whole and self.blobs.is_sound(known.listing.sha256) else None

    def _key(self, first: int, end: int, top: Tree) -> str:
        what = [
            first == 0,
            [layer.diff_id for layer in self.layers[first:end]],
            to_lines(listing(top)).decode(),
        ]
        return hashlib.sha256(json.dumps(what).encode()).hexdigest()

    def _size(self, layer: BuiltLayer) -> int:
        """Bytes of content in a layer; remembered, so that a layer is looked through once."""
        record = self._folder / f"{layer.diff_id.removeprefix('sha256:')}.size"
        with contextlib.suppress(FileNotFoundError, ValueError):
            return int(record.read_text())
        size = sum(node.entry.size for node in self._scan(layer).values())
        write_atomic(record, str(size))
        return size

    def _scan(self, layer: BuiltLayer) -> Tree:
        if layer.diff_id not in self._scanned:
            self._scanned[layer.diff_id] = scan(layer.folder)
        return self._scanned[layer.diff_id]

    @cached_property
    def _folder(self) -> Path:
        folder = self.space.home.build / "layers" / self._format()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return folder

    def _format(self) -> str:
        """Changes when the same layers would be sealed to other bytes: with our rules, or with the program that writes them."""
        digest = hashlib.sha256(erofs.program().read_bytes())
        for module in SHAPES:
            digest.update(Path(str(module.__file__)).read_bytes())
        return digest.hexdigest()[:16]
