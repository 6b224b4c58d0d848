"""Programs that go on without us, with a record: started at most once, and whatever becomes of them can be told afterwards.

Each has a supervisor (`supervisor.py`) in a session of its own. It holds a lock for as long as it lives, which says more than a pid
does: there is no moment at which it lives and isn't found, and no other process can be taken for it.
"""

from __future__ import annotations

import fcntl
import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from stoneware.host.files import is_locked
from stoneware.host.log_file import LIMIT_BYTES
from stoneware.host.process import end
from stoneware.host.run import spawn

SUPERVISOR = Path(__file__).with_name("supervisor.py")


@dataclass(frozen=True)
class Look:
    """What became of a job. `vanished`: it had begun, and its supervisor is gone without having said how it ended.

    `status` is the exit code of its program, `last` the last line that was printed; times in seconds since the epoch.
    """

    state: Literal["none", "running", "ended", "vanished"]
    status: int | None = None
    last: str = ""
    began_at: float | None = None
    ended_at: float | None = None


@dataclass(frozen=True)
class Job:
    """A program by the name of its record in a folder."""

    folder: Path
    name: str

    def _path(self, kind: str) -> Path:
        return self.folder / f"{self.name}.{kind}"

    def look(self) -> Look:
        """The lock is looked at first: what is said when it is free was said before."""
        running = is_locked(self._path("lock"))
        began, result = _read(self._path("began")), _read(self._path("result"))
        began_at = _time(began)
        if result is not None:
            return Look("ended", int(str(result["status"])), str(result["last"]), began_at, _time(result))
        if running:
            return Look("running", began_at=began_at)
        return Look("none" if began is None else "vanished", began_at=began_at)

    def start(
        self,
        commands: Sequence[Sequence[str | Path]],
        *,
        log: Path,
        prefix: str = "",
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> None:
        """Starts it, unless that was done before: then nothing happens. Raises Misconfigured when it can't be started."""
        handle = os.open(self._path("lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return
            if self._path("began").exists() or self._path("result").exists():
                return
            order = self._path("order")
            order.write_text(
                json.dumps(
                    {
                        "commands": [[str(word) for word in words] for words in commands],
                        "env": dict(env or {}),
                        "cwd": str(cwd or self.folder),
                        "log": str(log),
                        "prefix": prefix,
                        "log_limit_bytes": LIMIT_BYTES,
                        "began": str(self._path("began")),
                        "result": str(self._path("result")),
                    }
                )
            )
            words: list[str | Path] = [sys.executable, "-I", "-S", SUPERVISOR, order]
            spawn(words, log=self._path("err"), cwd=self.folder, pass_fds=(handle,))
        finally:
            os.close(handle)

    def end(self, grace_s: float = 0.0) -> None:
        """Ends its supervisor, and with it the program that it runs, without a word about how. Not there: success."""
        began = _read(self._path("began"))
        if began is not None and self.look().state == "running":
            end(int(str(began["pid"])), int(str(began["ticks"])), grace_s=grace_s)


def _read(path: Path) -> dict[str, object] | None:
    try:
        told = json.loads(path.read_text())
    except (FileNotFoundError, ValueError):
        return None
    return told if isinstance(told, dict) else None


def _time(told: dict[str, object] | None) -> float | None:
    return float(str(told["at"])) if told is not None else None
