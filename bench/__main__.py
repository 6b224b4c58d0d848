"""`python -m bench [PREFIX]`: measures, and prints one JSON object a line; everything else that is said goes to stderr."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import time
import traceback
from pathlib import Path
from types import FrameType
from typing import TextIO

from bench.ground import FOLDER, Busy, Ground, say
from bench.registry import ALL, Benchmark, line
from bench.suite import load_all


def main() -> int:
    """Exit code 0 when everything was measured (a missed limit is news, no error), 1 when something couldn't be."""
    load_all()
    words = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    words.add_argument("prefix", nargs="?", default="", help="only benchmarks whose name starts with this")
    words.add_argument("--runs", type=int, metavar="N", help="at most N runs of each, for a quick look")
    words.add_argument("--folder", type=Path, default=FOLDER, help="where it plays (default: .bench)")
    words.add_argument(
        "--clean", action="store_true", help="end what a benchmark that was killed left, and nothing else"
    )
    given = words.parse_args()
    chosen = [one for name, one in ALL.items() if name.startswith(given.prefix)]
    if not chosen:
        say(f"no benchmark starts with {given.prefix!r}; there are: {', '.join(ALL)}")
        return 2
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, _interrupted)
    results = _results_alone()
    ground = Ground(given.folder.resolve(), given.runs)
    try:
        with ground.open():
            measured = [_measure(one, ground, results) for one in chosen if not given.clean]
    except Busy as busy:
        say(str(busy))
        return 1
    except KeyboardInterrupt:
        say("interrupted; everything that was started has ended")
        return 130
    return 0 if all(measured) else 1


def _measure(one: Benchmark, ground: Ground, results: TextIO) -> bool:
    """Whether it could be measured. What goes wrong with one doesn't keep the others from being measured."""
    say(f"--- {one.name}")
    began = time.monotonic()
    try:
        figure = one.measure(ground)
    except Exception:
        say(f"{one.name} could not be measured:\n{traceback.format_exc()}")
        return False
    say(f"{one.name}: {figure.value:.4g} {one.unit} ({time.monotonic() - began:.0f} s)")
    print(json.dumps(line(one, figure)), file=results, flush=True)
    return True


def _results_alone() -> TextIO:
    """The real stdout, for results only: whatever else writes to stdout, programs too, writes to stderr from now on."""
    sys.stdout.flush()
    results = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    return results


def _interrupted(_number: int, _frame: FrameType | None) -> None:
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # what follows is the cleaning up, which is not to be interrupted
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
