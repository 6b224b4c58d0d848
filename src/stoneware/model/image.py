"""Images: immutable, named FAMILY/N, identified by the digest of their manifest."""

from __future__ import annotations

import hashlib
import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, StrictInt, model_validator

from stoneware.model.component import Component
from stoneware.model.evidence import Inside
from stoneware.model.noun import Noun


class ImageState(StrEnum):
    """As on Compute Engine (`deprecated.state`), with STAGED before: baked, not yet tested."""

    STAGED = "STAGED"
    ACTIVE = "ACTIVE"
    DEPRECATED = "DEPRECATED"
    OBSOLETE = "OBSOLETE"
    DELETED = "DELETED"


class SealedFile(Noun):
    """A file of an image: its name in the image's folder, SHA-256 (hex) and length in bytes."""

    name: str
    sha256: str
    size_bytes: int


class Verity(Noun):
    """The dm-verity parameters of a sealed layer (the kernel's `Documentation/admin-guide/device-mapper/verity.rst`).

    Blocks are 4096 bytes; the hash tree stands in the same file, from block `hash_start_block` on (no superblock).
    """

    root_hash: str
    salt: str
    data_blocks: int
    hash_start_block: int


class Entrypoint(Noun):
    """What an image without an init runs, as an OCI image configuration says it (`Entrypoint`, `Cmd`, `Env`, `User`, `WorkingDir`).

    `user` is NAME, UID, or either with `:GROUP`; empty: root.
    """

    argv: tuple[str, ...]
    env: dict[str, str] = {}
    user: str = ""
    folder: str = "/"
    stop_signal: str = "TERM"


Delivery = Literal["vm", "container"]

SchemaNumber = Annotated[StrictInt, Field(ge=1, le=1_000_000)]


def _in_order(reads: tuple[int, ...]) -> tuple[int, ...]:
    """Equal wishes are equal images."""
    return tuple(sorted(set(reads)))


class StateSchema(Noun):
    """Which data an application can live with: it reads disks whose data has one of the schemas `reads`, and leaves data of the
    schema `writes`. Numbers only grow: data that was written with a higher one isn't data of a lower one any more."""

    reads: Annotated[tuple[SchemaNumber, ...], Field(min_length=1), AfterValidator(_in_order)]
    writes: SchemaNumber

    @model_validator(mode="after")
    def _reads_its_own(self) -> Self:
        if self.writes not in self.reads:
            raise ValueError(f"it couldn't read what it writes: add {self.writes} to reads")
        return self


class Recipe(Noun):
    """Where an image came from. `commit` is empty outside a git repository; `dirty` when the files aren't that commit's. `others`
    are the images that it took something from beside its base (of other stages), by name, with their digests where they are
    known."""

    containerfile: str
    containerfile_sha256: str
    commit: str = ""
    dirty: bool = False
    base: str = ""
    base_digest: str = ""
    others: dict[str, str] = {}


class Manifest(Noun):
    """All that makes an image what it is. Its canonical JSON's SHA-256 is the image's digest.

    The root is a stack of sealed layers, lowest first: `layers[n]` has the verity parameters of the file `layer-n` (erofs and
    hash tree), and `listing-n` lists what the layer holds. Layers are shared by all images that have them. `tree` is the digest
    of the whole root tree (see `bake.tree.tree_digest`): the same for every delivery.

    `deliver` names the forms. A `vm` has the files `kernel` (packed, for firmware), `vmlinux` (the same, plain) and `initrd`. A
    `container` has the OCI manifest whose digest is `container`, in the layout `oci`.

    `epoch` is the time that all files carry. `init` is the program that starts in the machine; it is empty for an image without
    one, which runs `entrypoint`. `writable` are the paths that are in memory there. `state_schema` is None for an application
    that doesn't say which data it can live with.
    """

    format: int = 2
    family: str
    arch: str = "x86_64"
    epoch: int
    tree: str
    files: dict[str, SealedFile]
    layers: tuple[Verity, ...]
    deliver: tuple[Delivery, ...] = ("vm",)
    kernel_version: str = ""
    cmdline: str = ""
    container: str = ""
    init: str = ""
    entrypoint: Entrypoint | None = None
    writable: tuple[str, ...] = ()
    recipe: Recipe
    packages: tuple[Component, ...] = ()
    tree_bytes: int = 0
    state_schema: StateSchema | None = None

    def canonical(self) -> bytes:
        """The bytes that the digest is taken of: JSON with sorted keys, no spaces.

        What isn't given of `state_schema` and of a recipe's `others` isn't there: images that were sealed before there were such
        keys keep their digest.
        """
        unsaid: dict[str, Any] = {"state_schema": True} if self.state_schema is None else {}
        unsaid |= {} if self.recipe.others else {"recipe": {"others"}}
        body = self.model_dump(mode="json", exclude=unsaid)
        return json.dumps(body, sort_keys=True, separators=(",", ":")).encode()

    @property
    def digest(self) -> str:
        """`sha256:` and 64 hex digits."""
        return "sha256:" + hashlib.sha256(self.canonical()).hexdigest()


class Artifact(Noun):
    """A sealed image as files: a folder with `manifest.json` and the files that it names."""

    folder: Path
    manifest: Manifest

    @property
    def layers(self) -> list[tuple[Path, Verity]]:
        """The root's layers, lowest first, each with its file."""
        return [(self.file(f"layer-{number}"), verity) for number, verity in enumerate(self.manifest.layers)]

    @property
    def oci(self) -> Path:
        """The OCI image layout of the container (there only when the image is delivered as one)."""
        return self.folder / "oci"

    def file(self, role: str) -> Path:
        """The path of the file with this role (`layer-0`, `kernel`, `initrd` …)."""
        return self.folder / self.manifest.files[role].name


class BootTestRecord(Noun):
    """Proof that this very digest was started and answered. `results` has one line a test.

    `inside` is what the machine under test said of itself when all had passed, by delivery: what every machine of the image is
    compared with. Images that were tested before there was such a record have none.
    """

    digest: str
    passed: bool
    started_at: float
    seconds: float
    results: tuple[str, ...]
    console_tail: str = ""
    inside: dict[Delivery, Inside] = {}


class Image(Noun):
    """An image as the catalog knows it. `number` is None while STAGED.

    `state` is what was stored last; what it counts as now, `decide.lifecycle` says. The timers (`deprecate_at` ...) and
    `revoked_at` are seconds since the epoch, None when there is none.
    """

    digest: str
    family: str
    number: int | None = None
    state: ImageState = ImageState.STAGED
    created_at: float
    state_at: float
    state_reason: str = ""
    size_bytes: int = 0
    deprecate_at: float | None = None
    obsolete_at: float | None = None
    delete_at: float | None = None
    revoked_at: float | None = None
    revoked_reason: str = ""

    @property
    def name(self) -> str:
        """`critter-web/2`, or `critter-web@3f9a…` before it has a number."""
        return f"{self.family}/{self.number}" if self.number else f"{self.family}@{self.digest[7:19]}"
