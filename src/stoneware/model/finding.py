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
    """What an engine can do. `accelerator` is `kvm`, `tcg` (software emulation) or empty."""

    engine: str
    disks: bool
    power: bool
    accelerator: str = ""
