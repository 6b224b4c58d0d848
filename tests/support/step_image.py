"""A small image to run steps in, made of this host's own programs: no base has to be fetched or made for it."""

from __future__ import annotations

import re
import shutil
import subprocess
import tarfile
from pathlib import Path

PROGRAMS = "sh bash cat ls sleep id env mkdir rm touch echo true false ln pwd cp chmod head grep ps".split()
IMAGE = "localhost/steps:1"


def make_tree(folder: Path) -> Path:
    """A root file system with PROGRAMS and the libraries that they need."""
    for name in ("bin", "etc", "tmp", "root", "usr"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    needed: set[Path] = set()
    for program in PROGRAMS:
        real = Path(shutil.which(program) or f"/bin/{program}").resolve()
        shutil.copy(real, folder / "bin" / program)
        told = subprocess.run(["ldd", real], capture_output=True, text=True, check=False).stdout
        needed |= {Path(path) for path in re.findall(r"(/\S+) \(0x", told)}
    for library in needed:
        place = folder / str(library).lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(library.resolve(), place)
    (folder / "usr" / "bin").symlink_to("/bin")
    (folder / "etc" / "passwd").write_text("root:x:0:0::/root:/bin/sh\nann:x:1000:1000::/tmp:/bin/sh\n")
    return folder


def make_tar(folder: Path) -> Path:
    """The tree as `podman import` takes it."""
    tar = folder.with_suffix(".tar")
    with tarfile.open(tar, "w") as out:
        out.add(make_tree(folder), ".")
    return tar
