"""The door of the store of images: whoever brings files in, or takes those of a deleted image away, is alone in it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from stoneware.host.files import locked
from stoneware.host.home import Home


@contextlib.contextmanager
def entrance(home: Home) -> Iterator[None]:
    """Held from the look at what is there until the files are in, or gone.

    A bake or an import is on record before it comes here: who finds none on record while it is here meets none afterwards.
    """
    with locked(home.build / ".entrance.lock"):
        yield
