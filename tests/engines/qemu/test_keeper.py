"""A guest's words are not trusted: whatever it sends, the host gets an answer or None, in time, fit for a terminal."""

from __future__ import annotations

import contextlib
import os
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stoneware.engines.qemu.keeper import LONGEST_BOOT_S, KeeperReply, Keepers, _parse
from stoneware.model.machine import Phase

Guest = Callable[[socket.socket, bytes], None]


@contextlib.contextmanager
def guest(talk: Guest, questions: int = 1) -> Iterator[Path]:
    """A machine's folder whose keeper answers with `talk`, for so many questions."""

    def serve() -> None:
        with contextlib.suppress(OSError):
            connection, _ = listener.accept()
            with connection, connection.makefile("rb") as lines:
                for _ in range(questions):
                    talk(connection, lines.readline().split()[1])

    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"{folder}/keeper.sock")
        listener.listen()
        thread = threading.Thread(target=serve)
        thread.start()
        yield Path(folder)
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        thread.join()


def ask(talk: Guest, limit_s: float = 5.0) -> KeeperReply | None:
    with guest(talk) as folder:
        keepers = Keepers()
        reply = keepers.ask(folder, "status", limit_s)
        keepers.forget(folder.name)
        return reply


@pytest.mark.parametrize(
    ("line", "reply"),
    [
        ("7 WAITING failed= detail=", KeeperReply(Phase.WAITING)),
        ("7 SERVING failed=a.service,b.service, detail=", KeeperReply(Phase.SERVING, ("a.service", "b.service"))),
        ("7 FAILED failed= detail=no disk at /srv", KeeperReply(Phase.FAILED, (), "no disk at /srv")),
        ("7 BOOTING", KeeperReply(Phase.BOOTING)),
    ],
)
def test_what_a_keeper_says(line: str, reply: KeeperReply) -> None:
    assert _parse(line) == reply


@given(st.text(max_size=300))
def test_a_line_is_a_reply_fit_for_a_terminal_or_a_value_error(rest: str) -> None:
    for line in (rest, f"7 SERVING {rest}", f"7 SERVING failed={rest}", f"7 FAILED failed= detail={rest}"):
        try:
            reply = _parse(line)
        except ValueError:
            continue
        assert all(text.isprintable() for text in (reply.detail, *reply.failed_units))


def test_a_reply_has_a_size() -> None:
    reply = _parse(f"7 FAILED failed={'u' * 999 + ','}{','.join('abc' * 999)} detail={'d' * 9999}")
    assert (len(reply.detail), len(reply.failed_units), len(reply.failed_units[0])) == (500, 50, 200)


def test_an_answer_may_come_in_pieces_and_after_late_ones() -> None:
    def talk(connection: socket.socket, ticket: bytes) -> None:
        for piece in (b"0 BOOTING\n\xff\xfe\n\n", ticket, b" SERV", b"ING failed= det", b"ail=ok\r\nrest"):
            connection.sendall(piece)

    assert ask(talk) == KeeperReply(Phase.SERVING, (), "ok")


@pytest.mark.parametrize(
    "answer", [b"", b"\n", b"%s\n", b"%s NOWHERE\n", b"%s serving\n", b"%s \x00\n", b"%s  SERVING\n", b"\xff" * 100]
)
def test_an_answer_without_a_shape_is_none(answer: bytes) -> None:
    assert ask(lambda connection, ticket: connection.sendall(answer.replace(b"%s", ticket))) is None


@pytest.mark.parametrize("chunk", [b"x" * 4096, b"0 SERVING\n" * 400])
def test_a_flood_is_cut_off(chunk: bytes) -> None:
    sent: list[int] = []

    def flood(connection: socket.socket, _: bytes) -> None:
        while True:
            sent.append(connection.send(chunk))

    assert ask(flood, limit_s=60.0) is None
    assert sum(sent) < 2**23  # what fits into the buffers in between


def test_a_trickle_is_cut_off_in_time() -> None:
    stop = threading.Event()

    def trickle(connection: socket.socket, _: bytes) -> None:
        while not stop.wait(0.02):
            connection.sendall(b"x")

    began = time.monotonic()
    with guest(trickle) as folder:
        reply = Keepers().ask(folder, "status", 0.2)
        took = time.monotonic() - began
        stop.set()
    assert reply is None
    assert took < 1.0


def test_the_next_question_uses_the_same_connection_and_another_ticket() -> None:
    tickets: list[bytes] = []

    def talk(connection: socket.socket, ticket: bytes) -> None:
        tickets.append(ticket)
        connection.sendall(ticket + b" SERVING failed= detail=\n")

    with guest(talk, questions=2) as folder:
        keepers = Keepers()
        assert keepers.ask(folder, "status") == keepers.ask(folder, "units") == KeeperReply(Phase.SERVING)
        keepers.forget(folder.name)
    assert len(set(tickets)) == 2


@pytest.mark.parametrize("made", [True, False])
def test_where_no_keeper_is_there_is_no_answer(made: bool, tmp_path: Path) -> None:
    assert Keepers().ask(tmp_path if made else tmp_path / "nowhere", "status", 0.1) is None


def test_silence_is_a_boot_for_as_long_as_one_may_last(tmp_path: Path) -> None:
    """A daemon that has just begun has heard nobody: what was silenced before isn't taken for a machine that boots for ever."""
    keepers, now = Keepers(), int(time.clock_gettime(time.CLOCK_BOOTTIME) * os.sysconf("SC_CLK_TCK"))
    assert keepers.status(tmp_path, (1, now)).phase is Phase.BOOTING
    long_ago = now - int(2 * LONGEST_BOOT_S * os.sysconf("SC_CLK_TCK"))
    assert keepers.status(tmp_path, (1, long_ago)).phase is Phase.UNKNOWN
