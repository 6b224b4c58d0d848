"""Snapshots: what a disk held at one moment, kept apart from it."""

from __future__ import annotations

from typing import Annotated

from pydantic import StringConstraints

from stoneware.model.noun import Noun

SnapshotName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,159}$")]


class WantedSnapshot(Noun):
    """A snapshot to be taken. `why` is a sentence for people; `data_schema` is what the disk's data has, None when nobody said.

    `release` is the number of the release that its disk was about to be handed to: such a snapshot is kept as long as that
    release. One that a person asked for has None, and stays until someone deletes it.
    """

    name: SnapshotName
    why: str = ""
    data_schema: int | None = None
    release: int | None = None


class Snapshot(WantedSnapshot):
    """A snapshot that is whole. `size_bytes` is the disk's size, `stored_bytes` what is kept of it (the rest is zeros).

    `digest` is taken of the content (`host.copying.Digest`), so that a damaged one is known. `owner` is the disk's.
    """

    disk: str
    owner: str
    size_bytes: int
    stored_bytes: int
    created_at: float
    digest: str
