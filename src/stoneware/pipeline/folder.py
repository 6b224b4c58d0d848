"""A build's own folder in the home: what its steps share, what is known of its jobs, and what is kept of it."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from stoneware.errors import BadInput, NotFound, Refused
from stoneware.host.files import write_atomic
from stoneware.host.home import Home
from stoneware.host.log_file import append_line
from stoneware.host.removing import remove_tree
from stoneware.host.supervised import Job

ANNEX = "annex"


@dataclass(frozen=True)
class BuildFolder:
    """The layout. Nobody but the home's owner gets into `root`, so what is open to all below it is open to the steps alone."""

    home: Home
    build: str

    @property
    def root(self) -> Path:
        return self.home.builds / self.build

    @property
    def workspace(self) -> Path:
        """What all steps have as /workspace."""
        return self.root / "workspace"

    @property
    def source(self) -> Path:
        """The same as it was fetched, which no step can touch: what Stoneware's own steps work on."""
        return self.root / "source"

    @property
    def user_home(self) -> Path:
        """What all steps have as /builder/home."""
        return self.root / "home"

    @property
    def scripts(self) -> Path:
        return self.root / "scripts"

    @property
    def jobs(self) -> Path:
        return self.root / "jobs"

    @property
    def annex(self) -> str:
        """The store of images that its steps have besides that of all builds; empty: none."""
        file = self.root / ANNEX
        return file.read_text() if file.exists() else ""

    @property
    def artifacts(self) -> Path:
        """What was kept, where the build names no other place."""
        return self.root / "artifacts"

    @property
    def log(self) -> Path:
        """Everything that is said and printed, in one file."""
        return self.home.logs / f"{self.build}.log"

    def volume(self, name: str) -> Path:
        """A named volume, which some of the steps share."""
        return self.root / "volumes" / name

    def job(self, name: str) -> Job:
        return Job(self.jobs, name)

    def prepare(self) -> None:
        """Makes it. A step may have any user, so what steps share is open to all of them."""
        self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
        for private in (self.jobs, self.scripts):
            private.mkdir(exist_ok=True, mode=0o755)
        for shared in (self.workspace, self.user_home):
            shared.mkdir(exist_ok=True)
            shared.chmod(0o777)

    def take_annex(self, name: str) -> None:
        """Says that its steps work on this store, until it is cleared."""
        write_atomic(self.root / ANNEX, name)

    def make_volume(self, name: str) -> Path:
        """A named volume, made when it is first asked for."""
        place = self.volume(name)
        place.mkdir(parents=True, exist_ok=True)
        place.chmod(0o777)
        return place

    def clear(self) -> None:
        """Removes everything but the records and what was kept."""
        for place in (self.workspace, self.source, self.user_home, self.root / "volumes", self.scripts):
            remove_tree(place)
        (self.root / ANNEX).unlink(missing_ok=True)

    def say(self, line: str) -> None:
        """A line of our own in the log, whole, among those of the steps."""
        append_line(self.log, line)


def read_below(root: Path, path: PurePosixPath, most_bytes: int) -> str | None:
    """The text of a file below `root`, through no link; None when there is none. Raises BadInput for what is no such file."""
    *folders, name = path.parts
    handle = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for part in folders:
            inner = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=handle)
            os.close(handle)
            handle = inner
        with os.fdopen(os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=handle), "rb") as file:
            regular = stat.S_ISREG(os.fstat(file.fileno()).st_mode)
            data = file.read(most_bytes + 1) if regular else b""
    except FileNotFoundError:
        return None
    except OSError as no:
        raise BadInput(f"{path} can't be read: {no.strerror}", next_step="a build file is a file, and no link") from no
    finally:
        os.close(handle)
    if not regular:
        raise BadInput(f"{path} is no file")
    if len(data) > most_bytes:
        raise BadInput(f"{path} is larger than {most_bytes // 2**20} MiB")
    return data.decode("utf-8", "replace")


def make_below(root: Path, path: PurePosixPath) -> None:
    """Makes a folder below `root`, through no link: steps can make links to anywhere, and we are the host's root. Where a link
    leads to is seen in the container, which has its own root.

    Raises NotFound when something on the way is no folder, Refused when one can't be made.
    """
    handle = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for part in path.parts:
            try:
                os.mkdir(part, dir_fd=handle)
            except FileExistsError:
                pass
            except OSError as no:
                raise Refused(f"the folder {path} can't be made: {no.strerror}", "check `dir`") from no
            try:
                inner = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=handle)
            except OSError as no:
                if _is_link(part, handle):
                    return
                raise NotFound(f"there is no folder {path} in the workspace", "check `dir`") from no
            os.close(handle)
            handle = inner
    finally:
        os.close(handle)


def _is_link(name: str, within: int) -> bool:
    """Whether a name in an open folder is a link; not there: it is none."""
    try:
        return stat.S_ISLNK(os.lstat(name, dir_fd=within).st_mode)
    except OSError:
        return False
