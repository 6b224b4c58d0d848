"""What a proxy has and shouldn't: whatever somebody told it, or wrote into its files, behind our back.

The view of a route says who gets the requests. This is about the rest: words of the map,
machines where no pool is, the files that a proxy would come up from, and the process that answers. How that process is set is
in `settings.py`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from stoneware.host.sockets import listening
from stoneware.model.route import Route
from stoneware.traffic.haproxy.config import SLOTS, state_map
from stoneware.traffic.haproxy.process import Proxy
from stoneware.traffic.haproxy.settings import wrong_settings

VIEWED = ("active", "held", "first_below", "second_below")
"""Words of the map that the view of a route shows by itself: they are `untold` where they differ, all others `strange`."""
LONGEST = 60


@dataclass(frozen=True)
class Seen:
    """A proxy as it is: its map, and its statistics."""

    proxy: Proxy
    state: Mapping[str, str]
    rows: Sequence[Mapping[str, str]]


def strange(route: Route, seen: Seen, files: Mapping[str, bytes]) -> tuple[str, ...]:
    """Sentences. `files` are those that a proxy of this route starts from, by name."""
    found = [
        *_map(route, seen.state, {*seen.state, *_words(route)} - {*VIEWED}),
        *_rows(route, seen.rows),
        *_files(seen.proxy.folder, files),
    ]
    return tuple([*found, *wrong_process(route, seen.proxy), *wrong_settings(route, seen.proxy)])


def untold(route: Route, state: Mapping[str, str]) -> tuple[str, ...]:
    """Sentences: who gets the requests, where that isn't what the proxy was told last."""
    return tuple(_map(route, state, VIEWED))


def _map(route: Route, state: Mapping[str, str], keys: Collection[str]) -> Iterator[str]:
    wanted = _words(route)
    for key in sorted(keys):
        if state.get(key) != wanted.get(key):
            yield f"{key} of its map is {state.get(key, 'not there')}, not {wanted.get(key, 'there')}"[:LONGEST]


def _words(route: Route) -> dict[str, str]:
    return dict(line.split() for line in state_map(route).splitlines())


def _rows(route: Route, rows: Sequence[Mapping[str, str]]) -> Iterator[str]:
    for row in rows:
        place, name = row["pxname"], row["svname"]
        if place in SLOTS and place not in route.pools and name not in ("FRONTEND", "BACKEND"):
            yield f"{name} stands in {place}, where no pool is"


def _files(folder: Path, files: Mapping[str, bytes]) -> Iterator[str]:
    for name, wanted in files.items():
        with contextlib.suppress(FileNotFoundError):
            if (folder / name).read_bytes() == wanted:
                continue
        yield f"its {name} was changed on this host"


def wrong_process(route: Route, proxy: Proxy) -> Iterator[str]:
    """Who answers, and where it listens. One that is being replaced listens beside its successor: only who serves counts."""
    serving = proxy.processes().serving
    if serving is None:
        return
    if f"Pid: {serving[0]}\n" not in proxy.command("show info"):
        yield "another process answers in its place"
    with contextlib.suppress(OSError):
        ports = {port for _, port in listening(serving[0])}
        declared = int(route.listen.rpartition(":")[2])
        yield from (f"it listens at port {port}, too" for port in sorted(ports - {declared}))
        if declared not in ports:
            yield f"it doesn't listen at port {declared}"
