"""Images in podman's store: loaded from the OCI layout that lies in a sealed image's folder, and proven to be that layout."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path

from stoneware.engines.container.podman import Podman
from stoneware.engines.container.strays import image_names
from stoneware.errors import Refused
from stoneware.host.files import locked, write_atomic
from stoneware.host.records import read_record
from stoneware.model.image import Artifact
from stoneware.model.noun import Noun

REPOSITORY = "localhost/stoneware"
LOADED = "localhost/oci:latest"
"""What podman calls an image that it loads from a layout in a folder `oci`."""
HEX = re.compile(r"[0-9a-f]{64}")
UNTOLD = "?"
"""The user in a record that doesn't say: nobody, so nobody gets rights by it."""
LOAD_LIMIT_S = 900.0
INDEX_LIMIT_BYTES = 4 * 2**20


class ImageRecord(Noun):
    """What a machine needs to know of an image. `image_id` is podman's (the digest of its configuration, which names every
    layer's content), `oci_digest` that of the OCI manifest. `user` is whom its entrypoint runs as; empty: root."""

    digest: str
    image_id: str
    oci_digest: str
    init: str
    writable: tuple[str, ...]
    user: str = UNTOLD

    @property
    def reference(self) -> str:
        """How the image is called in podman's store."""
        return reference(self.digest)


def reference(digest: str) -> str:
    """The name of an image of ours in podman's store."""
    return f"{REPOSITORY}:{digest.removeprefix('sha256:')}"


@dataclass(frozen=True)
class LayoutImage:
    """The one image of a layout: the digest of its manifest (`sha256:…`), and podman's id for it (hex)."""

    digest: str
    image_id: str


def read_layout(layout: Path) -> LayoutImage:
    """Reads a layout with one manifest, and proves that the manifest is what the index says. Raises Refused."""
    try:
        manifests = json.loads(_small(layout / "index.json"))["manifests"]
        if len(manifests) != 1:
            raise Refused(f"{layout} holds {len(manifests)} images, not one", "bake it again", code="image-damaged")
        digest = str(manifests[0]["digest"])
        kind, _, name = digest.partition(":")
        if kind != "sha256" or len(name) != 64 or set(name) - set("0123456789abcdef"):
            raise Refused(f"{layout} has a manifest with digest {digest[:80]!r}", "bake it again", code="image-damaged")
        manifest = _small(layout / "blobs" / "sha256" / name)
        if hashlib.sha256(manifest).hexdigest() != name:
            raise Refused(
                f"{layout} was changed: its manifest isn't {digest[:19]}", "bake it again", code="image-damaged"
            )
        return LayoutImage(digest, str(json.loads(manifest)["config"]["digest"]).removeprefix("sha256:"))
    except FileNotFoundError as gone:
        raise Refused(
            f"{layout} is no OCI layout: {gone.filename} is missing", "bake the image again", code="image-damaged"
        ) from gone
    except (ValueError, KeyError, TypeError) as broken:
        raise Refused(f"{layout} can't be read: {broken!r}", "bake the image again", code="image-damaged") from broken


@dataclass(frozen=True)
class ImageStore:
    """All images of this home that containers can be made from. The record comes last: it makes an image exist here."""

    podman: Podman

    @property
    def path(self) -> Path:
        return self.podman.folder / "images"

    def publish(self, artifact: Artifact) -> None:
        """Loads an image. Loaded already: success. Raises Refused when the layout isn't whole."""
        manifest = artifact.manifest
        name = manifest.digest[:19]
        if "container" not in manifest.deliver:
            forms = ",".join((*manifest.deliver, "container"))
            raise Refused(
                f"image {name} is no container image", f"bake it again with `--as {forms}`", code="image-form"
            )
        layout = read_layout(artifact.oci)
        if layout.digest != manifest.container:
            raise Refused(
                f"image {name}: its container isn't {manifest.container[:19]}", "bake it again", code="image-damaged"
            )
        record = ImageRecord(
            digest=manifest.digest,
            image_id=layout.image_id,
            oci_digest=layout.digest,
            init=manifest.init,
            writable=manifest.writable,
            user=manifest.entrypoint.user if manifest.entrypoint else "",
        )
        self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
        with locked(self.path / ".lock"):
            if self.find(record.digest) == record and self._is_loaded(record):
                return
            try:
                self._load(artifact, record)
            finally:
                self._drop_name(LOADED)
            write_atomic(self._file(record.digest), record.model_dump_json())

    def _load(self, artifact: Artifact, record: ImageRecord) -> None:
        """podman's image with our name. It is what its id says, for podman compares the configuration and every layer; an image
        of another family with the same content has the same id, and the manifest that came first."""
        self._drop_name(LOADED)  # of a load that was killed
        # named relative to its folder, for podman makes a name of the path
        self.podman.run("pull", "--quiet", "oci:oci", cwd=artifact.folder, timeout_s=LOAD_LIMIT_S)
        if self._id_of(LOADED) != record.image_id:
            raise Refused(
                f"image {record.digest[:19]}: podman loaded another image than it has",
                "bake it again",
                code="image-damaged",
            )
        self.podman.run("tag", record.image_id, record.reference)

    def find(self, digest: str) -> ImageRecord | None:
        """None when the image isn't here."""
        return read_record(self._file(digest), ImageRecord)

    def get(self, digest: str) -> ImageRecord:
        """Raises Refused."""
        record = self.find(digest)
        if record is None:
            raise Refused(f"image {digest[:19]} isn't published here", "bake or import it", code="image-not-here")
        if record.user != UNTOLD:
            return record
        [said] = self.podman.inspect("image", record.image_id) or [{}]
        config = said.get("Config")
        user = str(config.get("User") or "") if isinstance(config, dict) else UNTOLD
        return record.model_copy(update={"user": user})

    def delete(self, digest: str) -> None:
        """Forgets an image, also one whose load was cut short; what no other image needs is removed from podman's store."""
        if not self.path.exists():
            return
        with locked(self.path / ".lock"):
            self._file(digest).unlink(missing_ok=True)
            self._drop_name(reference(digest))

    def digests(self) -> set[str]:
        """Of every image that has a record or a name here. From the store's own list of names: podman itself isn't asked.
        Raises Unreachable when that list can't be read."""
        records = {f"sha256:{file.stem}" for file in self.path.glob("*.json")}
        named = {name.removeprefix(f"{REPOSITORY}:") for name in image_names(self.podman)}
        return records | {f"sha256:{hexadecimal}" for hexadecimal in named if HEX.fullmatch(hexadecimal)}

    def by_image_id(self) -> dict[str, tuple[str, ...]]:
        """Digests by podman's id. Two images that differ in their kernel only are one for podman."""
        found: dict[str, tuple[str, ...]] = {}
        for file in self.path.glob("*.json"):
            record = self.find(f"sha256:{file.stem}")
            if record is not None:
                found[record.image_id] = (*found.get(record.image_id, ()), record.digest)
        return found

    def _is_loaded(self, record: ImageRecord) -> bool:
        return self._id_of(record.reference) == record.image_id

    def _id_of(self, name: str) -> str | None:
        """The id of what podman calls so (hex); None when there is nothing."""
        listed = self.podman.inspect("image", name)
        return str(listed[0]["Id"]) if listed else None

    def _drop_name(self, name: str) -> None:
        """Takes a name away, and its image with the last one. Not there: success."""
        if self._id_of(name) is not None:
            self.podman.run("rmi", name)

    def _file(self, digest: str) -> Path:
        return self.path / f"{digest.removeprefix('sha256:')}.json"


def _small(path: Path) -> bytes:
    with path.open("rb") as source:
        read = source.read(INDEX_LIMIT_BYTES + 1)
    if len(read) > INDEX_LIMIT_BYTES:
        raise Refused(f"{path} is larger than such a file can be", "bake the image again", code="image-damaged")
    return read
