"""The one door through which programs are started. Words only, never a shell string; every call has a time limit."""

from __future__ import annotations

import collections
import contextlib
import os
import selectors
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from stoneware.errors import Misconfigured, ToolFailed
from stoneware.host.lines import Lines
from stoneware.host.log_file import open_log

TAIL_LINES = 40
READ_BYTES = 65536
SEEN_KEPT_BYTES = 4 * 2**20
_NOBODY: dict[str, Any] = {"user": "nobody", "group": "nogroup", "extra_groups": []}
CANCEL_CHECK_S = 0.2


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
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    ok: Sequence[int] = (0,),
    on_line: Callable[[str], None] | None = None,
    cancel: threading.Event | None = None,
    as_nobody: bool = False,
    keep_bytes: int | None = None,
) -> Completed:
    """Runs a program in a process group of its own and waits for it.

    `env` is added to our own environment. `as_nobody` (where we are root): without any rights, and with `env` alone. `on_line`
    sees each line of stdout and stderr as it comes (`Lines`). `cancel` ends it early. `keep_bytes` is how much of stdout is kept
    from its beginning: by default all, or 4 MiB where `on_line` sees it, for that is output of any length that nobody reads twice.
    Raises ToolFailed when the status isn't in `ok`, or the time is over, or it was cancelled (the whole group is killed
    then); Misconfigured when there is no such program.
    """
    words = [str(word) for word in argv]
    process = _popen(words, subprocess.PIPE, subprocess.PIPE, cwd, env, as_nobody=as_nobody)
    tail: collections.deque[str] = collections.deque(maxlen=TAIL_LINES)
    most = (SEEN_KEPT_BYTES if on_line else None) if keep_bytes is None else keep_bytes
    stdout = bytearray()

    def line(text: str) -> None:
        tail.append(text + "\n")
        if on_line:
            on_line(text)

    def pump(stream: IO[bytes], kept: bytearray | None) -> None:
        lines = Lines(line)
        while data := os.read(stream.fileno(), READ_BYTES):
            if kept is not None:
                kept += data if most is None else data[: max(most - len(kept), 0)]
            lines.write(data)
        lines.end()

    pumps = [
        threading.Thread(target=pump, args=(process.stdout, stdout), daemon=True),
        threading.Thread(target=pump, args=(process.stderr, None), daemon=True),
    ]
    for thread in pumps:
        thread.start()
    status = _wait(process, timeout_s, cancel)
    for thread in pumps:
        thread.join(5)
    if status is None or status not in ok:
        raise ToolFailed(words, status, "".join(tail))
    return Completed(status, bytes(stdout).decode("utf-8", "replace"), "".join(tail))


def spawn(
    argv: Sequence[str | Path],
    *,
    log: Path,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    pass_fds: Sequence[int] = (),
    stdin: bytes = b"",
) -> int:
    """Starts a program that outlives us, in a session of its own, its output in `log`. Returns its pid.

    `pass_fds` are open files that it gets under the same numbers, `stdin` what it can read.
    Raises Misconfigured when there is no such program.
    """
    with os.fdopen(open_log(log), "ab") as out, tempfile.TemporaryFile() as told:
        told.write(stdin)
        told.seek(0)
        words = [str(word) for word in argv]
        process = _popen(
            words, out, out, cwd, env, pass_fds=pass_fds, stdin=told.fileno() if stdin else subprocess.DEVNULL
        )
    threading.Thread(target=process.wait, daemon=True).start()  # reaps it, should it end while we live
    return process.pid


def at_terminal(
    argv: Sequence[str | Path], terminal: int, *, env: Mapping[str, str], cwd: Path
) -> subprocess.Popen[bytes]:
    """Starts a program in a session of its own whose input and output are an open terminal. Whoever asked for it ends it.

    Raises Misconfigured when there is no such program.
    """
    return _popen([str(word) for word in argv], terminal, terminal, cwd, env, stdin=terminal)


def _popen(
    words: list[str],
    stdout: IO[bytes] | int,
    stderr: IO[bytes] | int,
    cwd: Path | None,
    env: Mapping[str, str] | None,
    *,
    pass_fds: Sequence[int] = (),
    as_nobody: bool = False,
    stdin: int = subprocess.DEVNULL,
) -> subprocess.Popen[bytes]:
    # Debian keeps some tools where an ordinary user's PATH doesn't reach
    path = os.environ.get("PATH", os.defpath) + ":/usr/sbin:/sbin"
    try:
        return subprocess.Popen(
            words,
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            cwd=cwd,
            env={**({} if as_nobody else os.environ), "PATH": path, **(env or {})},
            start_new_session=True,
            pass_fds=pass_fds,
            **(_NOBODY if as_nobody and os.geteuid() == 0 else {}),
        )
    except OSError as broken:
        hint = "run `stoneware doctor` to see what this host lacks"
        if cwd is not None and not cwd.is_dir():
            raise Misconfigured(f"{words[0]} can't be started in {cwd}: no such folder") from broken
        if isinstance(broken, FileNotFoundError):
            raise Misconfigured(f"{words[0]} is not installed", hint, code="tool-missing") from broken
        raise Misconfigured(f"{words[0]} can't be started: {broken.strerror}", hint) from broken


def _wait(process: subprocess.Popen[bytes], timeout_s: float, cancel: threading.Event | None) -> int | None:
    """The status; None when the time is over or someone cancelled.

    It sleeps until the very moment of the end (pidfd_open(2)); `Popen.wait` with a time limit looks again after up to 50 ms,
    which is longer than most of our programs run.
    """
    until = time.monotonic() + timeout_s
    try:
        with _ending(process.pid) as ended:
            while True:
                left = max(until - time.monotonic(), 0.0)
                if ended.select(min(left, CANCEL_CHECK_S) if cancel else left):
                    return process.wait()
                if time.monotonic() >= until or (cancel and cancel.is_set()):
                    return None
    finally:
        if process.poll() is None:
            _kill_group(process)


@contextlib.contextmanager
def _ending(pid: int) -> Iterator[selectors.BaseSelector]:
    """What becomes readable when this child of ours ends."""
    handle = os.pidfd_open(pid)
    try:
        with selectors.PollSelector() as selector:
            selector.register(handle, selectors.EVENT_READ)
            yield selector
    finally:
        os.close(handle)


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
