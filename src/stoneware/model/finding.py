"""Findings: what a look at the host says, one line a thing, for `stoneware doctor`."""

from __future__ import annotations

from typing import Literal

from stoneware.model.noun import Noun

Level = Literal["ok", "warn", "fail"]


class Finding(Noun):
    """`level` says how bad it is; `next_step` what to do about it."""

    name: str
    level: Level
    text: str
    next_step: str = ""


class Capabilities(Noun):
    """What an engine can do here. `snapshots`: of disks, in use, too. `accelerator`: `kvm`, `tcg` (software emulation) or empty."""

    engine: str
    disks: bool
    power: bool
    snapshots: bool = False
    accelerator: str = ""


class Capacity(Noun):
    """What an engine may use of its host, less what is kept back for everything else. None: as much as anyone wants.

    `cpus` are shared, so nothing is refused for their sake; `memory_bytes` is not. `boots` is how many machines may boot at once.
    """

    cpus: int | None = None
    memory_bytes: int | None = None
    boots: int | None = None
