"""Break-glass: who is let in, what is on record before and after, and how the machine goes."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.support.hospital import Hospital
from tests.support.simulation import Killed, World
from tests.support.specs import spec
from tests.support.visits import Visitor

from stoneware.errors import Conflict, NotFound, Refused, Unreachable
from stoneware.host import frames, transcript
from stoneware.host.files import sha256_of
from stoneware.host.home import Home
from stoneware.model.machine import WantedMachine
from stoneware.model.operation import Result
from stoneware.model.shell import ShellSession, Window
from stoneware.operations.shells import Shells

NAME = "town-web-r1-1"
WINDOW = Window(rows=30, columns=100, kind="xterm")


def wait(condition: Callable[[], object]) -> None:
    until = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < until, "it doesn't come"
        time.sleep(0.01)


class Town:
    """A deployment of three machines, looked after by a daemon that lets people in."""

    def __init__(self, folder: Path, size: int = 3, **rollout: object) -> None:
        self.world = World(folder)
        self.world.publish("web", 1)
        self.world.run(self.world.deploy(spec(size, **rollout)).id)
        self.home = Home(folder / "home")
        self.home.prepare()
        self.hospital = Hospital(self.world)
        self.restart()

    def restart(self) -> None:
        """Another daemon: nothing of the old one's memory is left."""
        self.shells = Shells(self.world.store, self.world.platforms, self.world.clock, self.home)
        self.hospital.open()

    def ask(self, machine: str = NAME, *, limit_s: float = 600.0, drain: bool = False) -> ShellSession:
        return self.shells.begin(machine, WINDOW, actor="ann@host", reason="a leak", limit_s=limit_s, drain=drain)

    def enter(
        self, machine: str = NAME, *, limit_s: float = 600.0, drain: bool = False
    ) -> tuple[ShellSession, Visitor]:
        session = self.ask(machine, limit_s=limit_s, drain=drain)
        return session, Visitor(self.shells.socket_of(session))

    def over(self, session: ShellSession) -> ShellSession:
        wait(lambda: self.world.store.shells.get(session.id).ended_at is not None)
        return self.world.store.shells.get(session.id)

    def facts(self, *verbs: str) -> list[tuple[str, dict[str, str]]]:
        entries = self.world.store.ledger.entries(limit=1000)
        return [(e.fact.verb, e.fact.details) for e in entries if e.fact.verb in verbs]

    def born(self) -> dict[str, float]:
        return {m.name: m.created_at for m in self.world.engine.everything()}


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    town = Town(tmp_path)
    yield town
    town.shells.stop()
    assert town.world.store.ledger.verify() is None
    town.world.close()


def test_taint_and_record_come_before_the_way_in(town: Town) -> None:
    seen: list[object] = []

    def look(when: str, verb: str, name: str) -> None:
        if (when, verb) == ("before", "open_shell"):
            taints = [(t.machine, t.actor, t.reason) for t in town.world.store.taints.of("town")]
            seen.append((taints, [verb for verb, _ in town.facts("machine.shell", "machine.taint")]))

    town.world.watch = look
    session, ann = town.enter()
    ann.read_until("fake# ")
    assert seen == [([(NAME, "ann@host", "a leak")], ["machine.shell", "machine.taint"])]
    ann.type("exit\n")
    assert ann.read_all() == "the shell ended"
    town.over(session)


def test_the_transcript_has_everything_and_the_ledger_has_its_digest(town: Town) -> None:
    session, ann = town.enter()
    ann.type("id\n")
    ann.read_until("id\r\n")
    ann.send(frames.WINDOW, b"50 132")
    ann.send(frames.WINDOW, b"not a size")
    wait(lambda: town.world.engine.ways[NAME].sizes[-1] == Window(rows=50, columns=132, kind="xterm"))
    ann.type("exit\n")
    assert ann.read_all() == "the shell ended"
    ended, path = town.over(session), town.shells.transcript_of(session.id)
    assert ended.because == "the shell ended"
    assert path.stat().st_mode & 0o777 == 0o600
    assert (ended.transcript, ended.transcript_bytes) == (sha256_of(path), path.stat().st_size)
    [(_, details)] = town.facts("machine.shell.end")
    assert details["transcript"] == f"sha256:{ended.transcript}"
    head = json.loads(path.read_text().splitlines()[0])
    assert (head["version"], head["width"], head["height"]) == (2, 100, 30)
    happened = list(transcript.events(path.read_text()))
    assert "".join(text for _, kind, text in happened if kind == "i") == "id\nexit\n"
    assert "id\r\n" in "".join(text for _, kind, text in happened if kind == "o")
    assert [text for _, kind, text in happened if kind == "r"] == ["132x50"]
    assert not town.shells.socket_of(session).exists()
    assert town.world.engine.ways == {}


def test_the_machine_is_made_anew_when_its_visitor_has_left_and_not_before(town: Town) -> None:
    born = town.born()
    session, ann = town.enter()
    ann.read_until("fake# ")
    town.world.engine.sick.add(NAME)  # what they do to it is no illness
    assert town.hospital.live(20) == []
    town.world.engine.sick.clear()
    ann.type("exit\n")
    town.over(session)
    [repair] = town.hospital.live(60)
    end = town.hospital.ended(repair)
    assert (end.result, end.reason) == (Result.SUCCEEDED, f"tainted: {NAME}: shell by ann@host: a leak")
    assert [name for name, at in town.born().items() if at != born[name]] == [NAME]
    assert town.world.store.taints.of("town") == []
    [taint] = town.world.store.taints.of("town", ended=True)
    assert taint.ended_at is not None
    assert [verb for verb, _ in town.facts("taint.end")] == ["taint.end"]
    assert town.hospital.live(30) == []


def test_a_tainted_machine_leaves_the_proxy_before_it_stops(town: Town) -> None:
    left: list[tuple[str, bool]] = []

    def look(when: str, verb: str, name: str) -> None:
        view = town.world.switch.view("town.play")
        if (when, verb) == ("after", "apply") and view and view.active:
            left.extend((m.machine, m.draining) for m in view.pools[view.active].members if m.machine == NAME)

    session, ann = town.enter()
    ann.type("exit\n")
    town.over(session)
    town.world.watch = look
    [repair] = town.hospital.live(60)
    assert town.hospital.ended(repair).result is Result.SUCCEEDED
    assert (NAME, True) in left
    assert left[-1] == (NAME, False)  # the one that was made in its place


def test_a_machine_that_serves_alone_gets_its_successor_first(tmp_path: Path) -> None:
    town = Town(tmp_path, size=1)
    session, ann = town.enter("town-web-r1-0")
    ann.type("exit\n")
    town.over(session)
    served: list[bool] = []

    def look(when: str, verb: str, name: str) -> None:
        view = town.world.switch.view("town.play")
        assert view and view.active
        served.append(any(m.state == "UP" for m in view.pools[view.active].members))

    town.world.watch = look
    [renewal] = town.hospital.live(60)
    assert town.hospital.ended(renewal).result is Result.SUCCEEDED
    assert town.world.store.releases.current("town").number == 2  # type: ignore[union-attr]
    assert all(served)
    town.world.close()


def test_time_is_limited(town: Town) -> None:
    session, ann = town.enter(limit_s=0.5)
    assert ann.read_all() == "its time of 500ms is over"
    assert town.over(session).because == "its time of 500ms is over"


def test_who_goes_without_a_word_ends_the_session(town: Town) -> None:
    session, ann = town.enter()
    ann.read_until("fake# ")
    ann.leave()
    assert town.over(session).because.startswith("its client is gone")
    assert town.world.engine.ways == {}


def test_input_that_is_no_terminal_ends_with_the_input(town: Town) -> None:
    session, ann = town.enter()
    ann.type("id\n")
    ann.send(frames.INPUT_ENDED)
    assert ann.read_all() == "the shell ended"
    assert b"id\r\n" in ann.said
    town.over(session)


def test_a_full_transcript_ends_the_session(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transcript, "MOST_BYTES", 400)
    session, ann = town.enter()
    ann.type("x" * 500 + "\n")
    assert ann.read_all() == "its transcript is full"
    town.over(session)


def test_one_at_a_time_and_nobody_during_an_operation(town: Town) -> None:
    session, ann = town.enter()
    with pytest.raises(Conflict, match=f"ann@host is in {NAME}"):
        town.ask()
    ann.type("exit\n")
    town.over(session)
    town.world.publish("web", 2)
    operation = town.world.deploy(spec(3))
    with pytest.raises(Conflict, match=f"{operation.id} is under way for town"):
        town.ask("town-web-r1-0")


def test_only_machines_in_service_let_people_in(town: Town) -> None:
    with pytest.raises(NotFound):
        town.ask("nobody")
    digest = town.world.store.catalog.get("web/1").digest
    shape = {"group": "web", "fleet": 1, "index": 0, "digest": digest, "cpus": 1, "memory_bytes": 2**20}
    town.world.engine.create_machine(WantedMachine(name="test-0", owner="boot-test-1", **shape))  # type: ignore[arg-type]
    with pytest.raises(Refused, match="test-0 is in no service"):
        town.ask("test-0")
    town.world.engine.create_machine(WantedMachine(name="town-old-r0-0", owner="town", **shape))  # type: ignore[arg-type]
    with pytest.raises(Refused, match="not of the current release"):
        town.ask("town-old-r0-0")
    town.world.engine.kill_machine(NAME)
    with pytest.raises(Refused, match="nobody to let in"):
        town.ask()
    assert town.world.store.taints.of(ended=True) == []


def test_out_of_the_traffic_first(town: Town) -> None:
    view = town.world.switch.view("town.play")
    assert view and view.active
    session, ann = town.enter(drain=True)
    ann.read_until("fake# ")
    view = town.world.switch.view("town.play")
    assert view and view.active
    assert [m.machine for m in view.pools[view.active].members if m.draining] == [NAME]
    assert [verb for verb, _ in town.facts("machine.shell", "machine.taint", "route.drain")][-1] == "route.drain"
    with pytest.raises(Refused, match=f"can't leave the traffic: {NAME} can't take the requests"):
        town.ask("town-web-r1-0", drain=True)
    ann.type("exit\n")
    town.over(session)


def test_the_last_one_that_serves_stays_in_the_traffic(tmp_path: Path) -> None:
    town = Town(tmp_path, size=1)
    with pytest.raises(Refused, match="nobody else of group web would be left"):
        town.ask("town-web-r1-0", drain=True)
    assert town.world.store.taints.of() == []
    town.world.close()


def test_a_machine_that_lets_nobody_in_is_tainted_all_the_same(town: Town) -> None:
    town.world.engine.fail_next("open_shell", Unreachable("no shell came up"))
    session, ann = town.enter()
    assert ann.read_all() == "no shell came up"
    path = town.shells.transcript_of(town.over(session).id)
    assert list(transcript.events(path.read_text())) == []
    assert [taint.machine for taint in town.world.store.taints.of("town")] == [NAME]


@pytest.mark.parametrize("at", ["open_shell before", "open_shell after", "close_shell before", "close_shell after"])
def test_a_daemon_that_dies_in_the_middle(town: Town, at: str) -> None:
    """The way in is closed when another one comes, the record is whole, and the machine is replaced."""
    verb, when = at.split()

    def die(moment: str, effect: str, name: str) -> None:
        if (moment, effect) == (when, verb):
            town.world.watch = lambda *_: None
            raise Killed

    town.world.watch = die
    session = town.shells.grant(NAME, actor="ann@host", reason="a leak", limit_s=600, drain=False)
    door = town.shells._door(session)
    ann = Visitor(town.shells.socket_of(session))
    ann.type("exit\n")
    with pytest.raises(Killed):
        town.shells.host(session, WINDOW, door)
    town.restart()
    assert [taint.machine for taint in town.world.store.taints.of("town")] == [NAME]
    assert town.hospital.live(10) == []  # somebody may be in still
    [ended] = town.shells.recover()
    assert ended.id == session.id
    assert town.world.store.shells.get(session.id).transcript, "nobody can have been in without one"
    assert town.shells.recover() == []
    assert town.world.engine.ways == {}
    assert town.world.store.shells.get(session.id).because == "the daemon ended in the middle of it"
    [repair] = town.hospital.live(60)
    assert town.hospital.ended(repair).result is Result.SUCCEEDED
    assert [verb for verb, _ in town.facts("machine.shell", "machine.shell.end")] == [
        "machine.shell",
        "machine.shell.end",
    ]


def test_a_way_that_cannot_be_closed_is_closed_later(town: Town) -> None:
    session, ann = town.enter()
    ann.read_until("fake# ")
    town.world.engine.fail_next("close_shell", Unreachable("away"), times=2)
    ann.type("exit\n")
    assert "isn't closed yet" in str(ann.read_all())
    wait(lambda: session.id not in town.shells._sittings)
    with pytest.raises(Unreachable):
        town.shells.recover()
    assert [ended.id for ended in town.shells.recover()] == [session.id]


def test_a_daemon_that_ends_in_order_ends_its_sessions(town: Town) -> None:
    session, ann = town.enter()
    ann.read_until("fake# ")
    town.shells.stop()
    assert town.over(session).because == "the daemon ended"
    assert ann.read_all() == "the daemon ended"


def test_a_deployment_that_goes_takes_its_visitors_and_taints_along(town: Town) -> None:
    session, ann = town.enter()
    ann.read_until("fake# ")
    town.world.run(town.world.destroy().id)
    assert ann.read_all() == "the shell ended"
    town.over(session)
    town.hospital.live(3)
    assert town.world.store.taints.of() == []
