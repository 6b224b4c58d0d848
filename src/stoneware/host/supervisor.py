"""A program of its own: runs commands one after the other, and outlives whoever started it.

    python supervisor.py ORDER

ORDER is a file with JSON: `commands` (lists of words), `env` (added to ours), `cwd`, `log` and `prefix` (each line that they
print goes behind the prefix to the end of the log, whole), `log_limit_bytes`, `began` and `result`. `began` is written first:
nothing has run as long as it isn't there. `result` is last, by one rename: the status of the first command that failed, or 0.
Whoever started it holds a lock through a file that we inherit, so that our end ends the lock, whatever we die of.
"""

from __future__ import annotations

import ctypes
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import IO, Any

LONGEST_LINE = 16384
END = re.compile(rb"\r+\n?|\n")
"""Where a line ends, or begins anew: carriage returns before a line feed belong to it."""
MOST_STATES = 20
"""States of a line that overwrites itself that are kept though they differ in no letter, beside the last one."""
SET_PARENT_DEATH_SIGNAL = 1
LIBC = ctypes.CDLL(None)
PATIENCE_S = 2.0
"""How long the output of a program that ended is waited for: something that it left may hold it open."""


class Log:
    """The end of a file that several of us write to, a whole line at a time."""

    def __init__(self, path: str, prefix: str, limit_bytes: int) -> None:
        self.handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self.prefix = prefix.encode()
        self.left = limit_bytes
        self.last = b""

    def line(self, text: bytes) -> None:
        self.last = text
        if self.left <= 0:
            return
        self.left -= len(self.prefix) + len(text) + 1
        if self.left <= 0:
            text = b"(what it prints from here on is not kept: it is too much)"
        try:
            os.write(self.handle, self.prefix + text + b"\n")
        except OSError:
            self.left = 0  # a full disk ends the log, and not the program


class Pen:
    """Writes down what a program prints, as lines. After a lone carriage return a terminal would overwrite what was printed; here
    it is a line of its own, so that nothing is hidden. Only of states that differ in no letter, as those of a progress bar, not all
    are kept, which is said."""

    def __init__(self, log: Log) -> None:
        self.log = log
        self.rest = b""
        self.letters = ""
        self.states = 0
        self.held: bytes | None = None

    def write(self, data: bytes) -> None:
        """More of what it prints. The end stays here as long as it may go on."""
        data, at = self.rest + data, 0
        for end in END.finditer(data):
            text, at = data[at : end.start()], end.end()
            if at == len(data) and end[0].endswith(b"\r"):
                self.rest = text + b"\r"  # what comes next says whether it ends the line
                return
            self._cut(text, whole=end[0].endswith(b"\n"))
        self.rest = data[at:]
        while len(self.rest) > LONGEST_LINE:
            self._line(self.rest[:LONGEST_LINE])
            self.rest = self.rest[LONGEST_LINE:]

    def end(self) -> None:
        """Nothing comes any more."""
        rest, self.rest = self.rest.rstrip(b"\r"), b""
        if rest:
            self._cut(rest, whole=True)
        self._let_go()

    def _cut(self, text: bytes, whole: bool) -> None:
        while len(text) > LONGEST_LINE:
            self._line(text[:LONGEST_LINE])
            text = text[LONGEST_LINE:]
        if text and (self.states or not whole):
            self._state(text)
        elif whole:
            self._line(text)
        if whole:
            self._let_go()

    def _line(self, text: bytes) -> None:
        self._let_go()
        self.log.line(text)

    def _state(self, text: bytes) -> None:
        letters = "".join(filter(str.isalpha, text.decode("utf-8", "replace")))
        if letters != self.letters:
            self._let_go()
            self.letters = letters
        self.states += 1
        if self.states <= MOST_STATES:
            self.log.line(text)
        else:
            self.held = text

    def _let_go(self) -> None:
        """The states of a line are over: the last one stays."""
        if self.states > MOST_STATES + 1:
            self.log.line(b"(%d more like these are not kept)" % (self.states - MOST_STATES - 1))
        if self.held is not None:
            self.log.line(self.held)
        self.letters, self.states, self.held = "", 0, None


def pump(stream: IO[bytes], log: Log) -> None:
    """Writes down all that a program prints, as it comes."""
    pen = Pen(log)
    while data := os.read(stream.fileno(), 65536):
        pen.write(data)
    pen.end()


def perform(words: list[str], order: dict[str, Any], log: Log) -> int:
    """Runs one command. Returns its status, or 128 + the signal that ended it; 127 when there is no such program."""
    try:
        process = subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, **order["env"]},
            cwd=order["cwd"],
            preexec_fn=die_with_us,  # noqa: PLW1509 - no thread of ours holds a lock then
        )
    except OSError as broken:
        log.line(f"{words[0]}: {broken.strerror}".encode())
        return 127
    reader = threading.Thread(target=pump, args=(process.stdout, log), daemon=True)
    reader.start()
    status = process.wait()
    reader.join(PATIENCE_S)
    return 128 - status if status < 0 else status


def die_with_us() -> None:
    """Whatever kills us ends what we run (PR_SET_PDEATHSIG, prctl(2))."""
    LIBC.prctl(SET_PARENT_DEATH_SIGNAL, signal.SIGKILL)


def leave(path: str, told: dict[str, Any]) -> None:
    """Writes a file that is there whole or not at all."""
    part = Path(f"{path}.part")
    part.write_text(json.dumps(told))
    part.replace(path)


def ticks() -> int:
    """Our own start time (proc(5), field 22 of stat)."""
    return int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])


def main(path: str) -> int:
    for number in (signal.SIGHUP, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    order = json.loads(Path(path).read_text())
    log = Log(order["log"], order["prefix"], order["log_limit_bytes"])
    leave(order["began"], {"pid": os.getpid(), "ticks": ticks(), "at": time.time()})
    status = 0
    for words in order["commands"]:
        status = perform(words, order, log)
        if status:
            break
    leave(order["result"], {"status": status, "last": log.last.decode("utf-8", "replace")[-500:], "at": time.time()})
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
