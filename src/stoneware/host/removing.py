"""Whole folders that go, however deep they are: somebody else may have filled them."""

from __future__ import annotations

from pathlib import Path

from stoneware.errors import Unreachable
from stoneware.host.run import run

LIMIT_S = 600.0


def remove_tree(folder: Path) -> None:
    """Removes a folder with all that is in it, on its own file system. Not there: success.

    Python's own way goes as deep into its stack as the folders do. Raises Unreachable when something is left.
    """
    if not folder.exists():
        return
    ended = run(["rm", "-rf", "--one-file-system", "--", folder], timeout_s=LIMIT_S, ok=(0, 1))
    if folder.exists():
        raise Unreachable(f"{folder} can't be removed: {ended.tail.strip()[-300:]}")
