"""The post-receive hook of a repository on this host: it tells the daemon to look, and never holds a push up.

One hook serves all triggers of its repository. It says nothing that would have to be believed: the daemon looks for itself.
"""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

from stoneware.errors import Refused
from stoneware.host.files import write_atomic

MARK = "# made by stoneware: tells it of a push"


def hook_text(repository: Path, home: Path, python: str = sys.executable) -> str:
    """The hook as a script for sh."""
    told = f"{shlex.quote(python)} -m stoneware trigger notify {shlex.quote(str(repository))}"
    return (
        f"#!/bin/sh\n{MARK}\n"
        "cat >/dev/null\n"
        "unset GIT_DIR GIT_QUARANTINE_PATH GIT_OBJECT_DIRECTORY GIT_ALTERNATE_OBJECT_DIRECTORIES\n"
        f"STONEWARE_HOME={shlex.quote(str(home))} {told} ||\n"
        '    echo "stoneware: not told of this push; its daemon looks by itself soon" >&2\n'
        "exit 0\n"
    )


def set_hook(repository: Path, home: Path) -> None:
    """Makes the hook. Raises Refused where another one stands: it would be lost."""
    place = _place(repository)
    text = hook_text(repository, home)
    if place.exists() and MARK not in place.read_text(errors="replace"):
        line = text.splitlines()[-3].removesuffix(" ||")
        raise Refused(f"{place} is another hook", f"add this line to it, and create the trigger with --no-hook: {line}")
    try:
        place.parent.mkdir(exist_ok=True)
        write_atomic(place, text)
        place.chmod(0o755)
    except OSError as no:
        raise Refused(
            f"{place} can't be written: {no.strerror}", "create the trigger with --no-hook, or let it poll"
        ) from no


def take_hook_away(repository: Path) -> None:
    """Removes the hook if it is ours. Not there: success."""
    place = _place(repository)
    if place.is_file() and MARK in place.read_text(errors="replace"):
        place.unlink(missing_ok=True)


def _place(repository: Path) -> Path:
    inner = repository / ".git" if (repository / ".git").is_dir() else repository
    return inner / "hooks" / "post-receive"
