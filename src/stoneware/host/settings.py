"""What the administrator says to the daemon in its environment, read in one place: before it begins, so that a mistake is seen."""

from __future__ import annotations

import os
import shlex
from dataclasses import dataclass

from stoneware.errors import BadInput

MOST_BUILDS = 64


@dataclass(frozen=True)
class Settings:
    """`builds_at_once` is None where the host decides; `build_status_hook` has the words of a program, or none."""

    builds_at_once: int | None
    build_status_hook: tuple[str, ...]


def read_settings() -> Settings:
    """Raises BadInput, which names the variable and what would be right."""
    return Settings(_builds_at_once(), _build_status_hook())


def _builds_at_once() -> int | None:
    said = os.environ.get("STONEWARE_BUILDS_AT_ONCE", "")
    if not said:
        return None
    if not (said.isascii() and said.isdigit() and len(said) < 5 and 1 <= int(said) <= MOST_BUILDS):
        raise BadInput(
            f"STONEWARE_BUILDS_AT_ONCE is {said!r}", next_step=f"say a number from 1 to {MOST_BUILDS}, or unset it"
        )
    return int(said)


def _build_status_hook() -> tuple[str, ...]:
    said = os.environ.get("STONEWARE_BUILD_STATUS_HOOK", "")
    try:
        return tuple(shlex.split(said))
    except ValueError as wrong:
        raise BadInput(
            f"STONEWARE_BUILD_STATUS_HOOK is {said!r}: {str(wrong).lower()}",
            next_step="write the words of a program as in a shell, or unset it",
        ) from None
