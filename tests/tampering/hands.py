"""Hands to meddle with a town, as root of its host. Each leaves behind how its deed is undone."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from demo.stage import Stage

from stoneware.host.home import Home
from stoneware.host.run import run
from stoneware.traffic.haproxy.process import Proxy

DEPLOYMENT = "critter-junction"
SERVICE = f"{DEPLOYMENT}.play"


def package(name: str, folder: Path) -> Path:
    """A package of Debian's kind with one program in it."""
    root = folder / name
    (root / "DEBIAN").mkdir(parents=True, exist_ok=True)
    (root / "DEBIAN/control").write_text(
        f"Package: {name}\nVersion: 1.0\nArchitecture: all\nMaintainer: Ann <ann@example.com>\nDescription: tools\n"
    )
    (root / "usr/bin").mkdir(parents=True, exist_ok=True)
    (root / "usr/bin" / name).write_text("#!/bin/sh\n")
    run(["dpkg-deb", "--root-owner-group", "--build", root, folder / f"{name}.deb"])
    return folder / f"{name}.deb"


@dataclass
class Hands:
    """`one` and `other` are the machines of the town on `stage`, `disk` and `other_disk` theirs."""

    stage: Stage
    disk_suffix = ".raw"
    engine = "qemu"
    _undo: list[Callable[[], object]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.home = Home(self.stage.home)
        machines = [one for one in self.stage.json("machine", "list") if one["power"] == "RUNNING"]
        self.one, self.other = sorted(one["name"] for one in machines)[:2]
        self.disk, self.other_disk = (f"{DEPLOYMENT}-web-worlds-{number}" for number in (0, 1))
        self.release = int(self.one.rpartition("-r")[2].partition("-")[0])

    def undo(self) -> None:
        """All that was done is undone, the last first."""
        while self._undo:
            self._undo.pop()()

    def be_let_in(self) -> None:
        words = [str(word) for word in self.stage._words(("shell", self.one, "--reason", "looking for the leak"))]
        subprocess.run(
            ["script", "-qec", " ".join(f"'{word}'" for word in words), "/dev/null"],
            input=b"exit\n",
            env=self.stage._env(),
            check=False,
            capture_output=True,
            timeout=60,
        )

    @property
    def _digest(self) -> str:
        found = next(one for one in self.stage.json("machine", "list") if one["name"] == self.one)
        return str(found["digest"])

    @property
    def _image(self) -> Path:
        return self.home.images / self._digest.removeprefix("sha256:")

    def _disk(self, name: str) -> Path:
        """A disk's record; its data lie beside it."""
        raise NotImplementedError

    def _of_disk(self, body: dict[str, Any]) -> dict[str, Any]:
        """The disk in its record."""
        return body

    def _flip(self, path: Path, at: int) -> None:
        def flip() -> None:
            with path.open("r+b") as data:
                data.seek(at)
                [byte] = data.read(1)
                data.seek(at)
                data.write(bytes([byte ^ 1]))

        flip()
        self._undo.append(flip)

    def _move_away(self, path: Path) -> None:
        aside = path.with_name(f".{path.name}.aside")
        path.rename(aside)
        self._undo.append(lambda: aside.rename(path))

    def _edit_json(self, path: Path, edit: Callable[[dict[str, Any]], object]) -> None:
        before = path.read_bytes()
        body = json.loads(before)
        edit(body)
        path.write_text(json.dumps(body))
        self._undo.append(lambda: path.write_bytes(before))

    @property
    def _slot(self) -> str:
        state = Proxy(self.home.traffic / SERVICE).command("show map state.map")
        return next(line.split()[2] for line in state.splitlines() if line and line.split()[1] == "active")

    @property
    def _idle_slot(self) -> str:
        return "B" if self._slot == "A" else "A"

    def _proxy(self, *commands: str) -> None:
        Proxy(self.home.traffic / SERVICE).command(*commands)

    @contextlib.contextmanager
    def _database(self) -> Iterator[sqlite3.Connection]:
        connection = sqlite3.connect(self.home.database, timeout=20)
        try:
            with connection:
                yield connection
        finally:
            connection.close()

    def _rows(self, query: str, *values: object) -> list[Any]:
        with self._database() as connection:
            return connection.execute(query, values).fetchall()

    def _edit_row(self, table: str, column: str, where: str, edit: Callable[[dict[str, Any]], None]) -> None:
        before = self._rows(f"SELECT {column} FROM {table} WHERE {where}")[0][0]
        body = json.loads(before)
        edit(body)
        self._rows(f"UPDATE {table} SET {column} = ? WHERE {where}", json.dumps(body))
        self._undo.append(lambda: self._rows(f"UPDATE {table} SET {column} = ? WHERE {where}", before))

    def _set_image(self, **values: object) -> None:
        [(name, value)] = values.items()
        where = f"digest = '{self._digest}'"
        before = self._rows(f"SELECT {name} FROM images WHERE {where}")[0][0]
        self._rows(f"UPDATE images SET {name} = ? WHERE {where}", value)
        self._undo.append(lambda: self._rows(f"UPDATE images SET {name} = ? WHERE {where}", before))
