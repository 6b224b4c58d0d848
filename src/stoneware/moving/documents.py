"""A moved image as an OCI artifact (OCI image specification 1.1, "Guidelines for Artifact Usage"): its documents, as bytes.

The artifact's config is the image's own manifest.json, so the config's digest is the image's digest. Registries and tools that
know artifacts carry it whole; nothing in it is converted, because no media type is one that a tool compresses.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, Field

from stoneware.bake.oci import INDEX, MANIFEST
from stoneware.model.image import Manifest
from stoneware.moving.parts import Part

ARTIFACT = "application/vnd.stoneware.image.v1"
CONFIG = "application/vnd.stoneware.image.manifest.v2+json"
FILE = "application/vnd.stoneware.file.v1"
TITLE = "org.opencontainers.image.title"
REF = "org.opencontainers.image.ref.name"
ROLE = "org.stoneware.role"
ORIGINAL = "org.stoneware.image.name"
"""The annotation with the name that the image had where it was exported."""

IMAGE_REF, CONTAINER_REF = "image", "container"
"""What the layout calls the whole image, and the container in it (`oci:DIR:container`), for tools that want a name."""
LAYOUT = b'{"imageLayoutVersion":"1.0.0"}'

Digest = Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]
Size = Annotated[int, Field(ge=0, le=2**50)]


class Descriptor(BaseModel):
    """What one document says of another, as far as we read it."""

    mediaType: str
    digest: Digest
    size: Size
    annotations: dict[str, str] = {}

    @property
    def hex(self) -> str:
        return self.digest.removeprefix("sha256:")


class ArtifactManifest(BaseModel):
    """An OCI manifest, as far as we read it."""

    artifactType: str = ""
    config: Descriptor
    layers: list[Descriptor] = []
    annotations: dict[str, str] = {}

    @property
    def is_ours(self) -> bool:
        """Whether it is a Stoneware image (a tool that knows no artifacts may drop `artifactType`)."""
        return ARTIFACT in (self.artifactType, self.config.mediaType) or self.config.mediaType == CONFIG


class Index(BaseModel):
    """The index of a layout, as far as we read it."""

    manifests: list[Descriptor]


class Layout(BaseModel):
    """The file `oci-layout`."""

    imageLayoutVersion: str


@dataclass(frozen=True)
class Documents:
    """The documents of one artifact. `config` is the image's manifest.json."""

    index: bytes
    manifest: bytes
    config: bytes


def documents(image: Manifest, parts: Sequence[Part], original: str) -> Documents:
    """The documents of an image. Equal images under equal names give equal bytes."""
    config = image.canonical()
    manifest = _json(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "artifactType": ARTIFACT,
            "config": _descriptor(CONFIG, sha256(config), len(config)),
            "layers": [
                _descriptor(FILE, part.file.sha256, part.file.size_bytes, {TITLE: part.file.name, ROLE: part.role})
                for part in parts
            ],
            "annotations": {ORIGINAL: original, TITLE: image.family},
        }
    )
    whole = _descriptor(MANIFEST, sha256(manifest), len(manifest), {REF: IMAGE_REF})
    listed = [{**whole, "artifactType": ARTIFACT}]
    container = image.container.removeprefix("sha256:")
    for part in parts:
        if container and part.file.name == f"oci/blobs/sha256/{container}":
            listed.append(_descriptor(MANIFEST, container, part.file.size_bytes, {REF: CONTAINER_REF}))
    return Documents(_json({"schemaVersion": 2, "mediaType": INDEX, "manifests": listed}), manifest, config)


def sha256(content: bytes) -> str:
    """As hex."""
    return hashlib.sha256(content).hexdigest()


def _descriptor(kind: str, digest: str, size: int, annotations: Mapping[str, str] | None = None) -> dict[str, Any]:
    plain = {"mediaType": kind, "digest": f"sha256:{digest}", "size": size}
    return {**plain, "annotations": dict(annotations)} if annotations else plain


def _json(what: Mapping[str, Any]) -> bytes:
    return json.dumps(what, sort_keys=True, separators=(",", ":")).encode()
