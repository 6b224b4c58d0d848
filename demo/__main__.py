"""`python -m demo`: plays the story and prints one honest table. `KEEP=1` leaves everything running afterwards."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import time
from pathlib import Path
from types import FrameType

from demo.report import Report, table
from demo.stage import ROOT, Failed, Stage
from demo.story import play


def main() -> int:
    """Exit code 0 when the story went as told: no request failed, no version mixed, no data lost."""
    words = argparse.ArgumentParser(prog="python -m demo", description=__doc__)
    words.add_argument("--folder", type=Path, default=ROOT / ".demo", help="where it plays (default: .demo)")
    words.add_argument(
        "--engine", choices=("qemu", "container"), default="qemu", help="where its machines live (default: qemu)"
    )
    words.add_argument("--json", type=Path, help="write the result to this file, too")
    words.add_argument("--clean", action="store_true", help="take down what an earlier demo left running, and end")
    given = words.parse_args()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, _interrupted)
    stage, report = Stage(given.folder.resolve(), given.engine), Report()
    if given.clean:
        stage.strike()
        return 0
    keep, began = os.environ.get("KEEP", "") not in ("", "0"), time.monotonic()
    try:
        given.folder.mkdir(parents=True, exist_ok=True)
        play(stage, report)
    except Failed as failed:
        report.problems.append(str(failed))
    except KeyboardInterrupt:
        report.problems.append("interrupted")
    finally:
        if keep:
            print(f"\nKEEP=1: all of it runs on; STONEWARE_HOME={stage.home} reaches it, the next demo removes it")
        else:
            stage.strike()
            if report.good():  # else its logs and records are what one wants to look into
                stage.clear()
    report.seconds["in all"] = time.monotonic() - began
    print(f"\n{table(report, stage.engine)}", flush=True)
    if given.json:
        given.json.write_text(json.dumps(report.plain(), indent=2))
    return 0 if report.good() else 1


def _interrupted(_number: int, _frame: FrameType | None) -> None:
    signal.signal(_number, signal.SIG_IGN)  # what follows is the cleaning up, which is not to be interrupted
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
