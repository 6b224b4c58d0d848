"""An offered image becomes one of ours: every byte compared, in a folder that nobody else looks at, then in the store by a rename.

Until all is compared there is nothing but the folder of the operation, which the next one removes when this one dies. Between the
first and the last rename there may be files in the store that no image has; those are swept.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from stoneware.bake.attest import ATTESTATIONS, Notary
from stoneware.bake.blobs import Blobs
from stoneware.bake.entrance import bring_in, entrance
from stoneware.bake.verify import is_whole
from stoneware.bake.workspace import Workspace
from stoneware.errors import Refused
from stoneware.host.files import write_atomic
from stoneware.host.home import Home
from stoneware.model.image import Artifact, Manifest, SealedFile
from stoneware.moving.meter import Meter
from stoneware.moving.offer import ATTACHED_BYTES, BLOBS, DOCUMENT_BYTES, Offer
from stoneware.moving.parts import ATTACHED, BOOT_TEST
from stoneware.moving.sources import Source
from stoneware.outside import parsed

SPARE_BYTES = 64 * 2**20
"""What stays free on the disk of the store: the database and the logs live there, too."""


def is_here(home: Home, manifest: Manifest) -> bool:
    """Whether the store has an image, whole byte by byte, with all that is stated of it."""
    folder, notary = home.images / manifest.digest.removeprefix("sha256:"), Notary(home)
    stated = not any(notary.lacks(folder, file, manifest.digest) for file in ATTESTATIONS)
    return stated and is_whole(folder, manifest)


@dataclass(frozen=True)
class Entering:
    """Takes one offer in. Everything it raises is Refused or OSError."""

    space: Workspace
    source: Source
    offer: Offer
    meter: Meter

    @property
    def _blobs(self) -> Blobs:
        return Blobs(self.space.home.images / "blobs")

    @property
    def _incoming(self) -> Path:
        return self.space.folder / "incoming"

    def unpack(self) -> Path:
        """All files of the image in a new folder, each compared with its digest, manifest.json among them."""
        self._require_room()
        out = self.space.folder / "sealed"
        (out / "oci" / "blobs" / "sha256" if self.offer.manifest.container else out).mkdir(parents=True)
        self._incoming.mkdir()
        for part in self.offer.parts:
            if part.role in (ATTACHED, BOOT_TEST) or part.file.name in ("oci/index.json", "oci/oci-layout"):
                content = self._whole(
                    part.file, ATTACHED_BYTES if part.role in (ATTACHED, BOOT_TEST) else DOCUMENT_BYTES
                )
                if part.role != BOOT_TEST:
                    write_atomic(out / part.file.name, content, mode=0o444)
            else:
                os.link(self._taken(part.file), out / part.file.name)
        if self.offer.manifest.container:
            self._require_container(out / "oci")
        write_atomic(out / "manifest.json", self.offer.manifest.canonical(), mode=0o444)
        return out

    def enter(self, folder: Path) -> Artifact:
        """Moves its files into the store of blobs, then the folder to the images; an equal image that is there already stays."""
        manifest, home = self.offer.manifest, self.space.home
        with entrance(home):
            if is_here(home, manifest):
                return Artifact(folder=home.images / manifest.digest.removeprefix("sha256:"), manifest=manifest)
            for file in sorted(self._incoming.iterdir()):
                self._blobs.add(file, file.name)
            return bring_in(self.space, folder, manifest)

    def _require_room(self) -> None:
        wanted = {part.file.sha256: part.file for part in self.offer.parts}
        needed = sum(file.size_bytes for file in wanted.values() if not self._blobs.has(file)) + SPARE_BYTES
        free = shutil.disk_usage(self.space.home.images).free
        if needed > free:
            mib = 2**20
            text = f"{self.space.home.images} has {free // mib} MiB free, and this image needs {needed // mib} MiB"
            raise Refused(text, "free some space, then import it again", code="disk-full")

    def _taken(self, file: SealedFile) -> Path:
        """Where a compared file lies. One that the store has is read all the same: what is offered must be whole."""
        incoming = self._incoming / file.sha256
        if incoming.exists():
            return incoming
        if self._blobs.has(file) and self._blobs.is_sound(file.sha256):
            self._compare(file, None)
            return self._blobs.path / file.sha256
        self._compare(file, incoming)
        return incoming

    def _compare(self, file: SealedFile, copy: Path | None) -> None:
        digest, length = hashlib.sha256(), 0
        with (copy or Path(os.devnull)).open("wb") as out:
            for piece in self.source.pieces(BLOBS + file.sha256):
                digest.update(piece)
                length += len(piece)
                out.write(piece)
                self.meter.add(len(piece))
        self._require(file, length, digest.hexdigest())

    def _whole(self, file: SealedFile, limit_bytes: int) -> bytes:
        """A small file. Nobody has signed for its size yet, so no more of it is read than such a one may have."""
        if file.size_bytes > limit_bytes:
            raise self._no(f"{file.name} is too large")
        content = bytearray()
        for piece in self.source.pieces(BLOBS + file.sha256):
            content += piece
            self.meter.add(len(piece))
            if len(content) > file.size_bytes:
                break
        self._require(file, len(content), hashlib.sha256(content).hexdigest())
        return bytes(content)

    def _require(self, file: SealedFile, length: int, digest: str) -> None:
        if length != file.size_bytes:
            raise self._no(f"{file.name} is cut off after {length} of {file.size_bytes} bytes")
        if digest != file.sha256:
            raise self._no(f"{file.name} was changed")

    def _require_container(self, layout: Path) -> None:
        """The layout holds the container that the manifest names, all of it and nothing else."""
        there = {path.name for path in (layout / "blobs" / "sha256").iterdir()}
        digest = self.offer.manifest.container
        try:
            index = parsed((layout / "index.json").read_bytes())
            version = parsed((layout / "oci-layout").read_bytes())["imageLayoutVersion"]
            listed = [one["digest"] for one in index["manifests"]]
            document = layout / "blobs" / "sha256" / digest.removeprefix("sha256:")
            if document.stat().st_size > DOCUMENT_BYTES:
                raise self._no("its container's manifest is too large")
            inside = parsed(document.read_bytes())
            named = [digest, inside["config"]["digest"], *(layer["digest"] for layer in inside["layers"])]
        except (FileNotFoundError, ValueError, KeyError, TypeError) as broken:
            raise self._no(f"its container can't be read: {broken!r}") from broken
        if version != "1.0.0" or listed != [digest]:
            raise self._no("the index of its container isn't that of the image's container")
        odd = sorted({str(one).removeprefix("sha256:") for one in named} ^ there)
        if odd:
            raise self._no(f"its container's layers aren't those that are there: {odd[0][:19]}")

    def _no(self, wrong: str) -> Refused:
        return Refused(f"{self.source.place}: {wrong}", "export it again, or copy it again", code="archive-damaged")
