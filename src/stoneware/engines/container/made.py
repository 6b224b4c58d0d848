"""What a container was made with, as the kernel had it when all was ready and nothing of the image had run yet.

Nobody in the container had a hand in it, and whatever differs later was done behind its engine's back: what the runtime was told
needs no second reading of its configuration.
"""

from __future__ import annotations

import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from pydantic import ValidationError

from stoneware.engines.container.addresses import local_addresses
from stoneware.engines.container.cgroup import MOUNTED, settings_of
from stoneware.engines.container.inside import states_in
from stoneware.engines.container.podman import Container
from stoneware.engines.engine import SECRETS
from stoneware.engines.mounts import Mount, mounts
from stoneware.host.files import write_atomic
from stoneware.host.kernel_files import lines_of
from stoneware.host.process import start_ticks
from stoneware.model.noun import Noun

OF_THE_KERNEL = ("proc", "sysfs", "cgroup", "cgroup2", "tmpfs", "devtmpfs")
"""File systems whose files aren't anybody's: what is mounted from them, `Made.mounts` knows."""
DEVICES = "/dev"
ROOT = "/"
"""What is mounted there is held against the image itself, not against what it was."""
FILE = "made.json"


class Place(Noun):
    """Something that is mounted: what of which file system (`device` is `major:minor`)."""

    kind: str
    device: str
    root: str
    read_only: bool


class Made(Noun):
    """`run` names the run that this was seen of. `mounts` are in order, by place. `files` are those that were mounted over the
    image, read-only, and the secrets: path in the machine, and which file in which state. `settings` are limits of its control
    groups, `nodes` its devices, `addresses` those of its network."""

    run: str
    mounts: tuple[tuple[str, Place], ...] = ()
    files: dict[str, str] = {}
    settings: dict[str, str] = {}
    nodes: dict[str, str] = {}
    addresses: tuple[str, ...] = ()


class Changed(Noun):
    """What isn't as it was made: places where something more is mounted, places that aren't what they were, paths that were made,
    changed or removed, addresses that it didn't have, and sentences about the rest."""

    mounted: tuple[str, ...] = ()
    unmounted: tuple[str, ...] = ()
    written: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()


def run_of(container: Container) -> str:
    """The name of a run: another start, another name."""
    return f"{container.pid}@{start_ticks(container.pid)}"


def look(container: Container) -> Made:
    """As it is now. Raises OSError or ValueError when it ends meanwhile."""
    all_of_them = mounts(_lines(container, "mountinfo"))
    there = [one for one in all_of_them if one.where != ROOT and not Path(one.where).is_relative_to(MOUNTED)]
    return Made(
        run=run_of(container),
        mounts=tuple((mount.where, _place(mount)) for mount in there),
        files=dict(_files(container, there)),
        settings=settings_of(container.pid, container.id),
        nodes=dict(_nodes(container)),
        addresses=tuple(sorted(local_addresses(_lines(container, "net/fib_trie")))),
    )


def changes(made: Made, now: Made) -> Changed:
    """What is otherwise than it was made. Pure."""
    known, there = dict(made.mounts), dict(now.mounts)
    more = [*(where for where, _ in now.mounts)]
    for where, _ in made.mounts:
        if where in more:
            more.remove(where)
    other = [where for where, place in known.items() if where not in more and there.get(where) != place]
    written = [*_other(made.files, now.files), *_other(made.nodes, now.nodes)]
    return Changed(
        mounted=tuple(sorted(set(more))),
        unmounted=tuple(sorted(other)),
        # below a place that isn't what it was, everything is another file
        written=tuple(path for path in sorted(written) if not any(_is_at(path, place) for place in (*other, *more))),
        addresses=tuple(sorted({*now.addresses} - {*made.addresses})),
        settings=tuple(
            f"{file} is {now.settings.get(file, 'gone')[:60]!r}, not {made.settings[file][:60]!r}"
            for file in _other(made.settings, now.settings)
            if file in made.settings
        ),
    )


def save(made: Made, folder: Path) -> None:
    """Keeps it beside the machine's record, for the next looks."""
    write_atomic(folder / FILE, made.model_dump_json())


def load(folder: Path) -> Made | None:
    """What was kept; None where nothing was (or it can't be read)."""
    try:
        return Made.model_validate_json((folder / FILE).read_bytes())
    except (FileNotFoundError, ValidationError):
        return None


def _place(mount: Mount) -> Place:
    return Place(kind=mount.kind, device=mount.device, root=mount.root, read_only=mount.read_only)


def _files(container: Container, there: Iterable[Mount]) -> Iterator[tuple[str, str]]:
    given = [one.where for one in there if one.read_only and one.kind not in OF_THE_KERNEL]
    for place in (*given, SECRETS):
        try:
            states = states_in(container, place)
        except OSError:  # it isn't there, or somebody put a link in its way: the file isn't what it was
            continue
        for path, state in states.items():
            if not stat.S_ISDIR(state.st_mode):
                yield path, f"{state.st_dev}:{state.st_ino} {state.st_size} {state.st_ctime_ns}"


def _nodes(container: Container) -> Iterator[tuple[str, str]]:
    for path, state in states_in(container, DEVICES, depth=1).items():
        if stat.S_ISBLK(state.st_mode) or stat.S_ISCHR(state.st_mode):
            yield path, f"{stat.S_IFMT(state.st_mode)} {state.st_rdev}"


def _other(before: dict[str, str], now: dict[str, str]) -> list[str]:
    return [key for key in sorted({*before, *now}) if before.get(key) != now.get(key)]


def _is_at(path: str, place: str) -> bool:
    return path == place or path.startswith(f"{place}/")


def _lines(container: Container, name: str) -> list[str]:
    return lines_of(Path(f"/proc/{container.pid}/{name}"))
