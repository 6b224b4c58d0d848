"""The Python that runs the tests, as a tree for an image: its program, its library, and what the linker finds for them.

An image of it needs no base and no network, and is baked in seconds.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

LEFT_OUT = (
    "test",
    "tests",
    "idlelib",
    "tkinter",
    "lib2to3",
    "ensurepip",
    "__pycache__",
    "site-packages",
    "dist-packages",
)


def lay_out(folder: Path) -> str:
    """Writes the tree; the path of the program in it."""
    program = Path(sys.executable).resolve()
    library = Path(sysconfig.get_path("stdlib"))
    _copy(program, folder)
    shutil.copytree(library, folder / library.relative_to("/"), ignore=shutil.ignore_patterns(*LEFT_OUT, "*.a"))
    for shared in {found for one in (program, *library.glob("lib-dynload/*.so")) for found in _linked(one)}:
        _copy(shared, folder)
    return str(program)


def _linked(binary: Path) -> set[Path]:
    """The libraries of a program, and the linker itself, by the names that they are looked for."""
    told = subprocess.run(["ldd", binary], check=False, capture_output=True, text=True).stdout
    return {Path(word) for word in told.split() if word.startswith("/") and not word.endswith(":")}


def _copy(file: Path, folder: Path) -> None:
    target = folder / file.relative_to("/")
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(file, target)
