"""The part of the engine in memory that lets people in. Its shell knows a prompt, says what it was told, and ends at `exit`."""

from __future__ import annotations

import queue
from abc import ABC, abstractmethod
from contextlib import AbstractContextManager
from typing import Any

from stoneware.engines.shell import Way
from stoneware.errors import Refused
from stoneware.model.machine import Power
from stoneware.model.shell import Window

PROMPT = b"fake# "
END_OF_INPUT = b"\x04"


class FakeWay:
    """`typed` is everything that was written to it, `sizes` the windows that it was told of."""

    def __init__(self, window: Window) -> None:
        self.typed = b""
        self.sizes = [window]
        self._line = b""
        self._said: queue.Queue[bytes] = queue.Queue()
        self._said.put(PROMPT)
        self._over = False

    def read(self, timeout_s: float) -> bytes | None:
        if self._over and self._said.empty():
            return b""
        try:
            return self._said.get(timeout=timeout_s)
        except queue.Empty:
            return b"" if self._over else None

    def write(self, data: bytes) -> None:
        if self._over:
            return
        self.typed += data
        for one in (data[i : i + 1] for i in range(len(data))):
            if one == END_OF_INPUT and not self._line:
                self.close()
            elif one in (b"\n", b"\r"):
                self._run(self._line)
                self._line = b""
            else:
                self._line += one

    def _run(self, line: bytes) -> None:
        if line == b"exit":
            self.close()
            return
        self._said.put(line + b"\r\n" + PROMPT)

    def resize(self, window: Window) -> None:
        self.sizes.append(window)

    def close(self) -> None:
        if not self._over:
            self._over = True
            self._said.put(b"")


class FakeShell(ABC):
    """`ways` are those that are open, by machine. A process that dies leaves its ways open, as a real machine's are."""

    ways: dict[str, FakeWay]

    @abstractmethod
    def _effect(self, verb: str, name: str) -> AbstractContextManager[None]: ...

    @abstractmethod
    def _machine(self, name: str) -> Any: ...

    def open_shell(self, name: str, window: Window) -> Way:
        with self._effect("open_shell", name):
            if self._machine(name).power is not Power.RUNNING:
                raise Refused(f"machine {name} isn't running")
            if name in self.ways:
                raise Refused(f"somebody is in machine {name}", "close that way first")
            self.ways[name] = FakeWay(window)
            return self.ways[name]

    def close_shell(self, name: str) -> None:
        with self._effect("close_shell", name):
            self._leave(name)

    def _leave(self, name: str) -> None:
        """The machine ends, and with it whoever was in."""
        way = self.ways.pop(name, None)
        if way is not None:
            way.close()
