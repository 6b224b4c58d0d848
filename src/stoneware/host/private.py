"""Files that hold a key are their owner's alone."""

from __future__ import annotations

import stat
from pathlib import Path

from stoneware.errors import Misconfigured


def require_private(path: Path) -> None:
    """Raises Misconfigured for a key that others can read."""
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        raise Misconfigured(
            f"{path} can be read by others (mode {mode:04o})",
            f"`chmod 600 {path}`, if nobody has read it",
            code="key-unusable",
        )
