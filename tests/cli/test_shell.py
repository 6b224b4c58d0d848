"""`stoneware shell` as people and scripts use it, with a daemon of its own on machines in memory."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from tests.api.house import asked, declaration, leave_image
from tests.cli.conftest import Stoneware

from stoneware.client import Client
from stoneware.clock import SystemClock
from stoneware.errors import StonewareError
from stoneware.host import transcript
from stoneware.host.home import Home
from stoneware.model.shell import WantedShell
from stoneware.store.database import url_for
from stoneware.store.store import open_store

NAME = "town-web-r1-1"
PROGRAM = [sys.executable, "-m", "stoneware"]


def wait(condition: Callable[[], Any]) -> Any:
    until = time.monotonic() + 60
    while not (found := condition()):
        assert time.monotonic() < until, "it doesn't come"
        time.sleep(0.05)
    return found


class Place:
    """A home whose daemon can be killed."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.env = {**os.environ, "STONEWARE_HOME": str(home.root), "TERM": "xterm"}
        home.prepare()
        store = open_store(url_for(home.database), SystemClock())
        leave_image(home, store)
        store.close()
        self.serve()
        body = asked(declaration())
        operation = self.client().post("/v1/deployments/town/releases", body)["operation"]["id"]
        wait(lambda: self.client().get(f"/v1/operations/{operation}")["result"] == "SUCCEEDED")

    def serve(self, words: Sequence[str] = (*PROGRAM, "serve")) -> None:
        self.daemon = subprocess.Popen(words, env=self.env, stdout=-3, stderr=-3)
        wait(self._answers)

    def _answers(self) -> bool:
        try:
            self.client().get("/v1/about")
        except StonewareError:
            return False
        return True

    def client(self) -> Client:
        return Client(self.home.socket, actor="ann@host")

    def kill(self) -> None:
        self.daemon.kill()
        self.daemon.wait()

    def call(self, *words: str, given: str | None = None) -> subprocess.CompletedProcess[str]:
        ended = subprocess.run(
            [*PROGRAM, *words], env=self.env, input=given, capture_output=True, text=True, timeout=60, check=False
        )
        assert "Traceback" not in ended.stderr
        return ended

    def session(self) -> dict[str, Any]:
        newest: dict[str, Any] = json.loads(self.call("shell", "--list", "--json").stdout)[0]
        return newest

    def made_at(self) -> float:
        return float(self.client().get(f"/v1/machines/{NAME}")["created_at"])

    def is_new(self, before: float) -> bool:
        try:
            return self.made_at() != before
        except StonewareError:
            return False


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    shm = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=shm if shm.is_dir() else None, prefix="stoneware-") as folder:
        place = Place(Home(Path(folder)))
        yield place
        place.daemon.send_signal(signal.SIGTERM)
        place.daemon.wait(30)


@pytest.fixture
def calm(place: Place) -> Place:
    """Nothing is under way, nobody is tainted."""
    wait(lambda: not place.client().get("/v1/taints") and not place.client().get("/v1/operations", unfinished=True))
    return place


def _tell_on_who_edits_it(calm: Place, session: dict[str, Any]) -> None:
    cast, replay = calm.home.shells / f"{session['id']}.cast", ("shell", "--replay", session["id"])
    whole = cast.read_text()
    cast.write_text(whole.replace('"i","id', '"i","ls'))
    edited = calm.call(*replay)
    assert (edited.returncode, "was changed since" in edited.stderr) == (1, True)
    assert f"sha256:{session['transcript']} is on record" in edited.stderr
    assert "transcript-changed" in edited.stderr
    assert "what runs there?" in edited.stdout, "it is shown all the same"
    assert calm.call(*replay, "--json").returncode == 1
    cast.write_text("nothing of the kind")
    assert "was changed since" in calm.call(*replay).stderr
    cast.unlink()
    gone = calm.call(*replay)
    assert (gone.returncode, "was removed since" in gone.stderr) == (1, True)
    cast.write_text(whole)
    assert calm.call(*replay).returncode == 0


def test_input_from_a_pipe(calm: Place) -> None:
    before = calm.made_at()
    ended = calm.call("shell", NAME, "--reason", "what runs there?", given="id\n")
    assert ended.returncode == 0, ended.stderr
    assert "id" in ended.stdout
    assert f"{NAME} is tainted from now on" in ended.stderr
    session = calm.session()
    assert (session["machine"], session["reason"], session["because"]) == (NAME, "what runs there?", "the shell ended")
    shown = calm.call("shell", "--replay", session["id"]).stdout
    assert "what runs there?" in shown
    assert session["transcript"] in shown
    _tell_on_who_edits_it(calm, session)
    assert (
        "shell by" in calm.call("taint", "list", "--all").stdout or NAME in calm.call("taint", "list", "--all").stdout
    )
    wait(lambda: calm.is_new(before))
    wait(lambda: calm.call("taint", "list").stdout.strip() == "no machine is tainted")


def test_a_terminal_is_raw_meanwhile_and_as_before_afterwards(calm: Place) -> None:
    ours, its = pty.openpty()
    settings = termios.tcgetattr(its)
    words = [*PROGRAM, "shell", NAME, "--reason", "a look"]
    client = subprocess.Popen(words, env=calm.env, stdin=its, stdout=its, stderr=its)
    said = b""

    def has(text: bytes) -> bool:
        nonlocal said
        said += os.read(ours, 65536)
        return text in said

    wait(lambda: has(b"fake# "))
    assert "is tainted: shell by" in calm.call("status").stdout
    assert "shell by" in calm.call("machine", "list").stdout
    os.write(ours, b"\x03\rexit\r")
    wait(lambda: has(b"is over: the shell ended"))
    assert client.wait(30) == 0
    assert termios.tcgetattr(its) == settings
    os.close(ours)
    os.close(its)
    text = (calm.home.shells / f"{calm.session()['id']}.cast").read_text()
    assert "".join(what for _, kind, what in transcript.events(text) if kind == "i") == "\x03\rexit\r"


SLOW = """
import sys, time
from pathlib import Path
from stoneware.daemon import serve
from stoneware.host.home import Home
from stoneware.operations.shells import Shells

finish = Shells.finish

def slowly(*words):
    while not Path(sys.argv[1]).exists():
        time.sleep(0.05)
    finish(*words)

Shells.finish = slowly
serve(Home(Path(sys.argv[2])))
"""
"""A daemon to which the end of a session takes as long as somebody likes."""


def test_a_daemon_answers_before_the_session_that_a_dead_one_left_is_ended(calm: Place, tmp_path: Path) -> None:
    before, let_go = calm.made_at(), tmp_path / "go"
    calm.kill()
    store = open_store(url_for(calm.home.database), SystemClock())
    session = store.shells.begin(
        WantedShell(
            machine=NAME,
            made_at=before,
            deployment="town",
            engine="fake",
            actor="ann@host",
            reason="a look",
            limit_s=600,
        )
    )
    store.close()
    calm.serve([sys.executable, "-c", SLOW, str(let_go), str(calm.home.root)])
    assert [one["machine"] for one in calm.client().get("/v1/taints")] == [NAME], "nobody takes it for a sound one"
    assert calm.client().get(f"/v1/shells/{session.id}")["ended_at"] is None
    with pytest.raises(StonewareError, match=f"ann@host is in {NAME}"):
        calm.client().post(f"/v1/machines/{NAME}/shells", {"reason": "another look"})
    assert calm.made_at() == before
    let_go.touch()
    wait(lambda: calm.client().get(f"/v1/shells/{session.id}")["ended_at"])
    wait(lambda: calm.is_new(before))


def test_the_daemon_is_killed_in_the_middle(calm: Place) -> None:
    before = calm.made_at()
    words = [*PROGRAM, "shell", NAME, "--reason", "a look"]
    client = subprocess.Popen(
        words, env=calm.env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert client.stdout is not None
    assert client.stdout.read(6) == b"fake# "
    calm.kill()
    assert client.wait(30) == 3
    calm.serve()
    session = wait(lambda: (one := calm.session())["ended_at"] and one)
    assert session["because"] == "the daemon ended in the middle of it"
    assert session["transcript"]
    wait(lambda: calm.is_new(before))
    assert calm.call("ledger", "verify").returncode == 0


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("shell",), 2, "which machine?"),
        (("shell", NAME), 2, "without a reason"),
        (("shell", NAME, "--reason", " "), 2, "without a reason"),
        (("shell", NAME, "--reason", "x", "--limit", "soon"), 2, "not a time"),
        (("shell", NAME, "--reason", "x", "--json"), 2, "no document"),
        (("shell", "--list"), 3, "no daemon answers"),
    ],
)
def test_what_is_asked_wrongly(stoneware: Stoneware, words: tuple[str, ...], code: int, said: str) -> None:
    done = stoneware(*words)
    assert done.code == code
    assert said in done.err + done.out


def test_who_may_not_get_in(calm: Place) -> None:
    nobody = calm.call("shell", "nobody", "--reason", "x", given="")
    assert (nobody.returncode, "no machine nobody" in nobody.stderr) == (2, True)
    long = calm.call("shell", NAME, "--reason", "x", "--limit", "25h", given="")
    assert long.returncode == 2
    assert calm.call("shell", "--replay", "shell-999").returncode == 2
    assert calm.call("taint", "list").stdout.strip() == "no machine is tainted"
