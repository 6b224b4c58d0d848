"""`scripts/stoneware-sim`: plays histories by their seeds. Exit code 1 with the story's end when an invariant doesn't hold."""

from __future__ import annotations

import argparse
import signal
import sys
import time

from tests.simulation.many import play_all
from tests.simulation.play import History, play

LAST_LINES = 30
MOST_SHOWN = 5
OFTEN = 500


def main() -> int:
    words = argparse.ArgumentParser(prog="stoneware-sim", description=__doc__)
    words.add_argument("--seed", type=int, metavar="N", help="play one history")
    words.add_argument("--seeds", type=_span, metavar="A..B", help="play the histories from A up to, not including, B")
    words.add_argument("--jobs", type=int, default=1, metavar="N", help="processes to play in (default 1)")
    words.add_argument("--verbose", action="store_true", help="print each history as a story")
    given = words.parse_args()
    if given.seed is None and given.seeds is None:
        words.error("which history? --seed N or --seeds A..B")
    seeds = given.seeds or range(given.seed, given.seed + 1)
    began = time.monotonic()
    histories = map(play, seeds) if given.verbose else play_all(seeds, given.jobs)
    broken, played = [], 0
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell starts what it leaves behind deaf to it
    try:
        for history in histories:
            played += 1
            if given.verbose:
                print("\n".join(story_of(history)))
            if history.violations:
                broken.append(history.scenario.seed)
                if len(broken) <= MOST_SHOWN:
                    print("\n".join(end_of(history)), flush=True)
            if played % OFTEN == 0:
                _say(played, broken, began)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    finally:
        _say(played, broken, began)
    if broken:
        print(f"seeds: {' '.join(map(str, broken))}", file=sys.stderr)
    return 1 if broken else 0


def _say(played: int, broken: list[int], began: float) -> None:
    seconds = time.monotonic() - began
    print(f"{played} histories, {len(broken)} with a violation, {seconds:.0f} s", file=sys.stderr, flush=True)


def story_of(history: History) -> list[str]:
    """A whole history, a line for each thing that happened, with its time in seconds."""
    scenario = history.scenario
    parts = (
        f"workers {', '.join(scenario.hands)}; a boot takes {scenario.boot_s:g} s; a look every {scenario.pace_s:g} s"
    )
    return [f"seed {scenario.seed}: {parts}", *(f"{at:9.2f}  {line}" for at, line in history.story)]


def end_of(history: History) -> list[str]:
    """What was violated, and what came before."""
    seed, story = history.scenario.seed, story_of(history)
    head = [f"seed {seed} violates: {violation}" for violation in history.violations]
    return [*head, *story[-LAST_LINES:], f"again, from the beginning: scripts/stoneware-sim --seed {seed} --verbose"]


def _span(text: str) -> range:
    first, _, last = text.partition("..")
    try:
        return range(int(first), int(last))
    except ValueError:
        raise argparse.ArgumentTypeError(f"write two numbers like 0..300, not {text!r}") from None


if __name__ == "__main__":
    sys.exit(main())
