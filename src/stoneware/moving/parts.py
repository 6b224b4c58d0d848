"""What an image consists of when it moves: its sealed files, its container's layout, what was attached to it, and the record of
its boot test. Each part has a role, a name in the image's folder, a digest and a length.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from stoneware.bake.attest import ATTESTATIONS
from stoneware.errors import Refused
from stoneware.host.files import sha256_of
from stoneware.model.image import Artifact, BootTestRecord, SealedFile

CONTAINER, ATTACHED, BOOT_TEST = "container", "attached", "boot-test"
"""Roles besides those of the sealed files (`layer-0`, `listing-0`, `kernel` …)."""

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
"""A file's name in an image's folder: no path, nothing hidden."""
CONTAINER_NAME = re.compile(r"oci/(index\.json|oci-layout|blobs/sha256/[0-9a-f]{64})")
TAKEN = ("manifest.json", "oci")
"""Names in an image's folder that no sealed and no attached file may have."""
RECORD_NAME = "boot-test.json"


@dataclass(frozen=True)
class Part:
    """One part. `content` is where it lies, or the bytes themselves; None when it was only read about."""

    role: str
    file: SealedFile
    content: Path | bytes | None = None


def parts_of(artifact: Artifact, record: BootTestRecord | None) -> list[Part]:
    """All parts of a stored image, in an order that depends on nothing else. Sealed files keep the digest of the manifest:
    whoever copies them compares.

    Raises Refused for a file in the image's folder whose name can't be carried.
    """
    parts = [Part(role, sealed, artifact.file(role)) for role, sealed in sorted(artifact.manifest.files.items())]
    if "container" in artifact.manifest.deliver:
        parts += _container(artifact.oci)
    parts += _attached(artifact)
    if record is not None:
        parts.append(_bytes(BOOT_TEST, RECORD_NAME, record.model_dump_json().encode()))
    return parts


def _container(layout: Path) -> Iterator[Part]:
    for name in ("index.json", "oci-layout"):
        yield _bytes(CONTAINER, f"oci/{name}", (layout / name).read_bytes())
    for blob in sorted((layout / "blobs" / "sha256").iterdir()):
        sealed = SealedFile(name=f"oci/blobs/sha256/{blob.name}", sha256=blob.name, size_bytes=blob.stat().st_size)
        yield Part(CONTAINER, sealed, blob)


def _attached(artifact: Artifact) -> Iterator[Part]:
    """What is stated of the image, signed, beside its sealed files. Hidden files are on their way to being written."""
    own = {sealed.name for sealed in artifact.manifest.files.values()}
    for path in sorted(artifact.folder.iterdir()):
        if path.name in own or path.name in TAKEN or path.name.startswith("."):
            continue
        if path.is_symlink() or not path.is_file() or path.name not in ATTESTATIONS:
            raise Refused(f"{path} can't be carried along", "take it out of the image's folder", code="archive-damaged")
        sealed = SealedFile(name=path.name, sha256=sha256_of(path), size_bytes=path.stat().st_size)
        yield Part(ATTACHED, sealed, path)


def _bytes(role: str, name: str, content: bytes) -> Part:
    digest = hashlib.sha256(content).hexdigest()
    return Part(role, SealedFile(name=name, sha256=digest, size_bytes=len(content)), content)
