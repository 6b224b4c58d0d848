"""The one door through which programs are started. Words only, never a shell string; every call has a time limit."""

from __future__ import annotations

import collections
import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from stoneware.errors import Misconfigured, ToolFailed

TAIL_LINES = 40


@dataclass(frozen=True)
class Completed:
    """A program that ended: its status, what it wrote to stdout, and the end of everything it printed."""

    status: int
    stdout: str
    tail: str


def run(
    argv: Sequence[str | Path],
    *,
    timeout_s: float = 60.0,
    stdin: str | None = None,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    ok: Sequence[int] = (0,),
    on_line: Callable[[str], None] | None = None,
) -> Completed:
    """Runs a program in a process group of its own and waits for it.

    `env` is added to our own environment. `on_line` sees each line of stdout and stderr as it comes.
    Raises ToolFailed when the status isn't in `ok` or the time is over (the whole group is killed then), Misconfigured
    when there is no such program.
    """
    words = [str(word) for word in argv]
    tail: collections.deque[str] = collections.deque(maxlen=TAIL_LINES)
    stdout: list[str] = []
    try:
        process = subprocess.Popen(
            words,
            stdin=subprocess.PIPE if stdin is not None else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=cwd,
            env={**os.environ, **env} if env else None,
            text=True,
            errors="replace",
            start_new_session=True,
        )
    except FileNotFoundError as missing:
        raise Misconfigured(
            f"{words[0]} is not installed", "run `stoneware doctor` to see what this host lacks"
        ) from missing

    def pump(stream: object, keep: list[str] | None) -> None:
        for line in stream:  # type: ignore[attr-defined]
            if keep is not None:
                keep.append(line)
            tail.append(line)
            if on_line:
                on_line(line.rstrip("\n"))

    pumps = [
        threading.Thread(target=pump, args=(process.stdout, stdout), daemon=True),
        threading.Thread(target=pump, args=(process.stderr, None), daemon=True),
    ]
    for thread in pumps:
        thread.start()
    try:
        if stdin is not None and process.stdin:
            with contextlib.suppress(BrokenPipeError):
                process.stdin.write(stdin)
                process.stdin.close()
        status: int | None = process.wait(timeout_s)
    except subprocess.TimeoutExpired:
        status = None
    finally:
        if process.poll() is None:
            _kill_group(process)
    for thread in pumps:
        thread.join(5)
    if status is None or status not in ok:
        raise ToolFailed(words, status, "".join(tail))
    return Completed(status, "".join(stdout), "".join(tail))


def _kill_group(process: subprocess.Popen[str]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def spawn(
    argv: Sequence[str | Path], *, log: Path, env: Mapping[str, str] | None = None, cwd: Path | None = None
) -> int:
    """Starts a program that outlives us, in a session of its own, its output in `log`. Returns its pid.

    Raises Misconfigured when there is no such program.
    """
    words = [str(word) for word in argv]
    with log.open("ab") as out:
        try:
            process = subprocess.Popen(
                words,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                cwd=cwd,
                env={**os.environ, **env} if env else None,
                start_new_session=True,
                close_fds=True,
            )
        except FileNotFoundError as missing:
            raise Misconfigured(
                f"{words[0]} is not installed", "run `stoneware doctor` to see what this host lacks"
            ) from missing
    threading.Thread(target=process.wait, daemon=True).start()  # reaps it, should it end while we live
    return process.pid
