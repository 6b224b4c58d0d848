"""Many histories, in several processes: each has a database of its own, and what a history is depends on its seed alone."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Iterable, Iterator, Sequence

from tests.simulation.play import History, play

CHUNK = 20


def play_all(seeds: Sequence[int] | Iterable[int], jobs: int) -> Iterator[History]:
    """Plays each of them, and yields them in their order."""
    if jobs == 1:
        yield from map(play, seeds)
        return
    deaf = (
        signal.SIGINT,
        signal.SIG_IGN,
    )  # Ctrl-C reaches all of a terminal's processes: the first one ends the others
    with multiprocessing.get_context("spawn").Pool(jobs, signal.signal, deaf) as pool:
        yield from pool.imap(play, seeds, chunksize=CHUNK)
        pool.close()  # each ends by itself, and takes its database with it
        pool.join()
