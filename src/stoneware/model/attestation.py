"""Attestations: what somebody who has a key says of an image, and the facts that it is made of.

The outer form is in-toto's Statement, version 1 (`spec/v1/statement.md` of the in-toto attestation framework): subjects with
their digests, a type, and what is said of them.
"""

from __future__ import annotations

import json
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from stoneware.errors import Refused
from stoneware.model.evidence import Inside
from stoneware.model.noun import Noun

STATEMENT = "https://in-toto.io/Statement/v1"
PROVENANCE = "https://slsa.dev/provenance/v1"
BOOT_TEST = "urn:stoneware:boot-test:v1"
BAKE = "urn:stoneware:bake:v1"
"""The type of our builds: what the external parameters of a provenance mean."""

Hex256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Digest = Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$")]
Commit = Annotated[str, StringConstraints(pattern=r"^(?:[0-9a-f]{40}|[0-9a-f]{64})?$")]
Seconds = Annotated[float, Field(ge=0, le=253402300799)]
"""Since the epoch, up to the year 9999 (RFC 3339 has four digits)."""


class Material(Noun):
    """Something that went into a build or came out of it beside the image (in-toto's ResourceDescriptor).

    `digest` is algorithm to hex: `sha256`, `gitCommit`. `annotations` are ours to choose.
    """

    name: str = ""
    uri: str = ""
    digest: dict[str, str] = {}
    annotations: dict[str, str] = {}


class ProvenanceFacts(Noun):
    """All that a provenance says, before it has its form.

    `digest` is the image's, `files` its files by name with their SHA-256. `repository` is the URL of the recipe's git
    repository, empty when nobody knows one; `commit` is empty outside of one; `dirty` when the folder had changes. `kernel` is
    the package that the kernel is from. `materials` are all further ones, `byproducts` what was made beside the image.
    `builder` is the id of the installation's key, `invocation` the operation. Times are seconds since the epoch.
    """

    family: str
    digest: Digest
    files: dict[str, Hex256]
    containerfile: str
    containerfile_sha256: Hex256
    repository: str = ""
    commit: Commit = ""
    dirty: bool = False
    base: str
    base_digest: Digest | None = None
    kernel: Material | None = None
    materials: tuple[Material, ...] = ()
    deliver: tuple[str, ...] = ()
    writable: tuple[str, ...] = ()
    parameters: dict[str, str] = {}
    byproducts: tuple[Material, ...] = ()
    builder: Hex256
    stoneware_version: str
    invocation: str
    started_at: Seconds
    finished_at: Seconds


class BootTestFacts(Noun):
    """All that a boot test's statement says. `tests` has one line a test, `console_tail` the end of what the machine printed,
    `inside` what it said of itself, by delivery.
    """

    family: str
    digest: Digest
    passed: bool
    tests: tuple[str, ...]
    console_tail: str = ""
    inside: dict[str, Inside] = {}
    engine: str
    builder: Hex256
    stoneware_version: str
    invocation: str
    started_at: Seconds
    finished_at: Seconds


class Subject(BaseModel):
    """What a statement speaks of. Fields that we don't know are let pass, as in-toto asks of readers."""

    model_config = ConfigDict(frozen=True, strict=True)

    name: str = ""
    digest: dict[str, str]


class Statement(BaseModel):
    """A statement about subjects. `to_json` and `from_json` are its two ways."""

    model_config = ConfigDict(frozen=True, strict=True, populate_by_name=True)

    type_: str = Field(alias="_type")
    subject: Annotated[tuple[Subject, ...], Field(min_length=1)]
    predicate_type: str = Field(alias="predicateType")
    predicate: dict[str, Any]

    def speaks_of(self, digest: str) -> bool:
        """Whether one of the subjects has this digest (`sha256:…`)."""
        algorithm, _, value = digest.partition(":")
        return any(subject.digest.get(algorithm) == value for subject in self.subject)

    def to_json(self) -> bytes:
        """Canonical: sorted keys, no spaces."""
        whole = self.model_dump(mode="json", by_alias=True)
        return json.dumps(whole, sort_keys=True, separators=(",", ":")).encode()

    @classmethod
    def from_json(cls, data: bytes) -> Statement:
        """Reads one. Raises Refused for what is no statement of version 1."""
        try:
            found = cls.model_validate_json(data)
        except ValidationError:
            raise Refused("the attestation's payload is no in-toto statement", code="signature-invalid") from None
        if found.type_ != STATEMENT:
            raise Refused(
                f"the attestation's payload is of the type {found.type_[:100]!r}, not {STATEMENT!r}",
                code="signature-invalid",
            )
        return found
