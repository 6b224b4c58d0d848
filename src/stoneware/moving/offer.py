"""What a file or folder says that it brings, checked as far as that goes without reading the large files.

Everything must fit together: the index names the artifact, the artifact names each file once, each is there with its length, and
nothing else is. The config is the image's manifest, so its digest is the image's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from stoneware.bake.attest import ATTESTATIONS
from stoneware.bake.oci import MANIFEST
from stoneware.errors import Refused
from stoneware.model.image import BootTestRecord, Manifest, SealedFile
from stoneware.moving.documents import (
    CONTAINER_REF,
    ORIGINAL,
    REF,
    ROLE,
    TITLE,
    ArtifactManifest,
    Descriptor,
    Index,
    Layout,
    sha256,
)
from stoneware.moving.parts import ATTACHED, BOOT_TEST, CONTAINER, CONTAINER_NAME, NAME, RECORD_NAME, TAKEN, Part
from stoneware.moving.sound import require_sound
from stoneware.moving.sources import Source

MOST_MANIFESTS = 16
DOCUMENT_BYTES = 4 * 2**20
"""The longest manifest that registries take (OCI distribution specification, "Pushing Manifests")."""
CONFIG_BYTES = 32 * 2**20
ATTACHED_BYTES = 256 * 2**20
BLOBS = "blobs/sha256/"

M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True)
class Offer:
    """An image that could come in. `record` says that it was published there; nobody signed it, so what it says of the boot test
    isn't taken over. `original` is its name where it was exported, for the record only."""

    manifest: Manifest
    parts: tuple[Part, ...]
    record: BootTestRecord | None
    original: str


@dataclass(frozen=True)
class Reader:
    """Reads the documents of one source. Raises Refused naming the first thing that is wrong."""

    source: Source

    def offer(self) -> Offer:
        """The image that the source brings, and nothing but it."""
        sizes = self.source.sizes()
        layout = self._parse(Layout, self._file("oci-layout"), "oci-layout")
        if layout.imageLayoutVersion != "1.0.0":
            raise self._no(f"its layout has version {layout.imageLayoutVersion!r}, not 1.0.0")
        index = self._parse(Index, self._file("index.json"), "index.json")
        artifact, named = self._artifact(index)
        manifest = self._manifest(artifact.config)
        parts = [self._part(layer) for layer in artifact.layers]
        self._fits(manifest, parts)
        blobs = {BLOBS + one.hex: one.size for one in (named, artifact.config, *artifact.layers)}
        listed = [one for one in index.manifests if one is not named]
        for other in listed:
            self._is_container(other, manifest)
        for name, size in blobs.items():
            if sizes.get(name) != size:
                have = f"has {sizes[name]} bytes, not {size}" if name in sizes else "is missing"
                raise self._no(f"{_shown(name, parts)} {have}")
        extra = sorted(set(sizes) - set(blobs) - {"oci-layout", "index.json"})
        if extra:
            raise self._no(f"{extra[0]} belongs to nothing in it")
        record = self._record(manifest, parts)
        original = artifact.annotations.get(ORIGINAL, "")[:200]
        return Offer(manifest, tuple(parts), record, original if original.isprintable() else "")

    def _artifact(self, index: Index) -> tuple[ArtifactManifest, Descriptor]:
        """The one manifest that is a Stoneware image, and what the index says of it."""
        if len(index.manifests) > MOST_MANIFESTS:
            raise self._no(f"it lists more than {MOST_MANIFESTS} manifests")
        ours = []
        for one in index.manifests:
            if one.mediaType == MANIFEST and one.annotations.get(REF) != CONTAINER_REF:
                found = self._parse(ArtifactManifest, self._document(one, DOCUMENT_BYTES), f"manifest {one.hex[:12]}")
                if found.is_ours:
                    ours.append((found, one))
        if not ours:
            raise self._no("there is no Stoneware image in it")
        if len(ours) > 1:
            raise self._no("there are several images in it", "copy the one that you want to a folder of its own")
        return ours[0]

    def _manifest(self, config: Descriptor) -> Manifest:
        content = self._document(config, CONFIG_BYTES)
        manifest = self._parse(Manifest, content, "the image's manifest")
        if manifest.format != 2:
            raise self._no(f"the image has format {manifest.format}, and this Stoneware reads format 2")
        if manifest.canonical() != content:
            raise self._no("the image's manifest isn't written as it is sealed")
        require_sound(manifest, self._no)
        return manifest

    def _part(self, layer: Descriptor) -> Part:
        role, name = layer.annotations.get(ROLE, ""), layer.annotations.get(TITLE, "")
        return Part(role, SealedFile(name=name, sha256=layer.hex, size_bytes=layer.size))

    def _fits(self, manifest: Manifest, parts: Sequence[Part]) -> None:
        """Each part is one that the image has, once; and it has all of them."""
        met: set[str] = set()
        for part in parts:
            if part.file.name in met:
                raise self._no(f"{part.file.name!r} is there twice")
            met.add(part.file.name)
            wrong = _wrong_part(manifest, part)
            if wrong:
                raise self._no(wrong)
        for role, sealed in manifest.files.items():
            if sealed.name not in met:
                raise self._no(f"{role} ({sealed.name}) is missing")

    def _is_container(self, other: Descriptor, manifest: Manifest) -> None:
        if not manifest.container or other.digest != manifest.container:
            raise self._no(f"its index lists {other.hex[:12]}, which is neither the image nor its container")

    def _record(self, manifest: Manifest, parts: Sequence[Part]) -> BootTestRecord | None:
        for part in parts:
            if part.role == BOOT_TEST:
                content = self._read(BLOBS + part.file.sha256, DOCUMENT_BYTES)
                self._require_digest(content, part.file.sha256, part.file.name)
                record = self._parse(BootTestRecord, content, "the record of its boot test")
                if record.digest != manifest.digest:
                    raise self._no(f"the record of its boot test is of another image, {record.digest[:19]}")
                if not record.passed:
                    raise self._no("its boot test didn't pass")
                return record
        return None

    def _document(self, one: Descriptor, most_bytes: int) -> bytes:
        content = self._read(BLOBS + one.hex, most_bytes)
        self._require_digest(content, one.hex, f"blob {one.hex[:12]}")
        return content

    def _file(self, name: str) -> bytes:
        return self._read(name, DOCUMENT_BYTES)

    def _read(self, name: str, most_bytes: int) -> bytes:
        size = self.source.sizes().get(name)
        if size is None:
            raise self._no(f"{name} is missing")
        if size > most_bytes:
            raise self._no(f"{name} has {size} bytes, more than {most_bytes}")
        return b"".join(self.source.pieces(name))

    def _require_digest(self, content: bytes, digest: str, what: str) -> None:
        if sha256(content) != digest:
            raise self._no(f"{what} was changed")

    def _parse(self, model: type[M], content: bytes, what: str) -> M:
        try:
            return model.model_validate_json(content)
        except ValidationError as broken:
            first = broken.errors(include_url=False, include_input=False)[0]
            where = ".".join(str(part) for part in first["loc"])[:80]
            raise self._no(f"{what} can't be read: {where}: {first['msg'][:200]}".replace(": :", ":")) from broken

    def _no(self, wrong: str, hint: str = "export it again, or copy it again") -> Refused:
        return Refused(f"{self.source.place}: {wrong}", hint, code="archive-damaged")


def _wrong_part(manifest: Manifest, part: Part) -> str:
    """What is wrong with a part; empty when nothing is."""
    role, name = part.role, part.file.name
    if role in manifest.files:
        return "" if part.file == manifest.files[role] else f"{role} isn't the file that the image's manifest names"
    if role == CONTAINER:
        if not CONTAINER_NAME.fullmatch(name) or "container" not in manifest.deliver:
            return f"{name!r} doesn't belong to its container"
        own = not name.startswith("oci/blobs/") or name.rpartition("/")[2] == part.file.sha256
        return "" if own else f"{name!r} isn't called by its digest"
    if role == ATTACHED:
        taken = {*TAKEN, *(sealed.name for sealed in manifest.files.values())}
        if not NAME.fullmatch(name) or name in taken:
            return f"{name!r} is no name for an attached file"
        if name not in ATTESTATIONS:
            return f"{name!r} is nothing that is stated of an image"
        return "" if part.file.size_bytes <= ATTACHED_BYTES else f"{name!r} is too large for an attached file"
    return "" if (role, name) == (BOOT_TEST, RECORD_NAME) else f"{name!r} is nothing that the image has"


def _shown(blob: str, parts: Sequence[Part]) -> str:
    """A blob by the name that people know."""
    digest = blob.removeprefix(BLOBS)
    return next((part.file.name for part in parts if part.file.sha256 == digest), blob)
