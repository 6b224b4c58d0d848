"""What the file system says no to, as an answer for people: a full disk, a missing right, a path that isn't there."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator
from pathlib import Path

from stoneware.errors import Refused

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextlib.contextmanager
def told(place: Path) -> Iterator[None]:
    """Turns an OSError into Refused; `place` is named when the error names no path itself."""
    try:
        yield
    except OSError as broken:
        named = broken.filename if isinstance(broken.filename, str) else str(place)
        why = f"{named}: {broken.strerror or broken}"
        if broken.errno in FULL:
            raise Refused(why, "free some space, then start it again", code="disk-full") from broken
        raise Refused(why, "mend that, then start it again") from broken
