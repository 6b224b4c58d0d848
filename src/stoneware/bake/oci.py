"""A sealed image as a container: an OCI image layout (OCI image specification 1.0), written by ourselves so that equal trees are
equal bytes. Any tool that knows the format can push it and run it.
"""

from __future__ import annotations

import datetime
import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from stoneware.bake import own_cache
from stoneware.bake.base import EPOCH
from stoneware.bake.blobs import Blobs
from stoneware.host.files import write_atomic
from stoneware.model.image import SealedFile

LAYER = "application/vnd.oci.image.layer.v1.tar"
CONFIG = "application/vnd.oci.image.config.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
TREE = "org.stoneware.tree"
"""The annotation and label with the digest of the root tree: the same as in the VM's manifest."""

KEPT = ("Entrypoint", "Cmd", "Env", "User", "WorkingDir", "ExposedPorts", "StopSignal", "Volumes", "Labels")
NOT_DELIVERED = ("io.buildah.", own_cache.LABEL)
"""Labels that say how an image was built, not what it is."""


def write_layout(
    folder: Path,
    blobs: Blobs,
    layers: Sequence[SealedFile],
    config: Mapping[str, Any],
    init: str,
    family: str,
    tree: str,
) -> str:
    """Writes the layout of stored layers (archives, lowest first) to a new folder. Returns the digest of its one manifest."""
    place = folder / "blobs" / "sha256"
    place.mkdir(parents=True)
    for layer in {layer.sha256: layer for layer in layers}.values():
        blobs.link(layer, place / layer.sha256)
    configuration = _put(place, _configuration(layers, config, init, tree))
    descriptors = [_descriptor(LAYER, f"sha256:{layer.sha256}", layer.size_bytes) for layer in layers]
    manifest = _put(
        place,
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": _descriptor(CONFIG, *configuration),
            "layers": descriptors,
            "annotations": {TREE: tree, "org.opencontainers.image.title": family},
        },
    )
    for name, content in documents(*manifest).items():
        write_atomic(folder / name, content, mode=0o444)
    return manifest[0]


def documents(manifest: str, size_bytes: int) -> dict[str, bytes]:
    """The files of a layout that have no digest for a name: what they hold follows from the one manifest's digest and length."""
    index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [_descriptor(MANIFEST, manifest, size_bytes)]}
    return {"oci-layout": _json({"imageLayoutVersion": "1.0.0"}), "index.json": _json(index)}


def _configuration(layers: Sequence[SealedFile], config: Mapping[str, Any], init: str, tree: str) -> dict[str, Any]:
    """The image configuration. An image with an init starts it, and stops it as systemd wants to be stopped (systemd(1))."""
    kept = {key: config[key] for key in KEPT if config.get(key)}
    labels = (kept.get("Labels") or {}).items()
    kept["Labels"] = {key: value for key, value in labels if not key.startswith(NOT_DELIVERED)} | {TREE: tree}
    if init:
        kept |= {"Entrypoint": [init], "StopSignal": "SIGRTMIN+3"}
        kept.pop("Cmd", None)
    return {
        "architecture": "amd64",
        "os": "linux",
        "created": datetime.datetime.fromtimestamp(EPOCH, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "config": kept,
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{layer.sha256}" for layer in layers]},
    }


def _put(place: Path, what: Mapping[str, Any]) -> tuple[str, int]:
    """Writes a document under its digest. Returns digest and length."""
    content = _json(what)
    digest = hashlib.sha256(content).hexdigest()
    write_atomic(place / digest, content, mode=0o444)
    return f"sha256:{digest}", len(content)


def _json(what: Mapping[str, Any]) -> bytes:
    return json.dumps(what, sort_keys=True, separators=(",", ":")).encode()


def _descriptor(kind: str, digest: str, size: int) -> dict[str, Any]:
    return {"mediaType": kind, "digest": digest, "size": size}
