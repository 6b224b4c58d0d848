"""A full disk in the middle of a bake is an ordinary event: it is said in words, and what was begun is taken away."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator

from stoneware.errors import BakeFailed


@contextlib.contextmanager
def told_when_full(step: str) -> Iterator[None]:
    """Raises BakeFailed for a write that found no room."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise BakeFailed("no space left on the disk", step, str(error), "free some space and bake again") from error
