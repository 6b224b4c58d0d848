"""Processes are told apart by pid and start time, and ended in order or by force."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator

import pytest

from stoneware.host.process import end, is_alive, start_ticks, wait_gone

Process = subprocess.Popen[bytes]


@pytest.fixture
def sleeper() -> Iterator[Process]:
    with subprocess.Popen(["sleep", "60"]) as process:
        yield process
        process.kill()


def ticks_of(process: Process) -> int:
    ticks = start_ticks(process.pid)
    assert ticks is not None
    return ticks


def test_we_are_alive_and_nobody_else_is_us() -> None:
    ticks = start_ticks(os.getpid())
    assert ticks is not None
    assert is_alive(os.getpid(), ticks)
    assert not is_alive(os.getpid(), ticks + 1)


def test_a_pid_that_never_was_has_no_start() -> None:
    assert start_ticks(2**22 + 1) is None


def test_a_name_full_of_brackets_confuses_nobody() -> None:
    # prctl(PR_SET_NAME), which is what /proc/PID/stat shows between brackets
    code = "import ctypes; ctypes.CDLL(None).prctl(15, b') Z 1 ('); input()"
    with subprocess.Popen(["python3", "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert is_alive(process.pid, ticks_of(process))
        process.communicate(b"\n")


def test_a_zombie_is_gone(sleeper: Process) -> None:
    ticks = ticks_of(sleeper)
    sleeper.kill()
    os.waitid(os.P_PID, sleeper.pid, os.WEXITED | os.WNOWAIT)  # ended, and still a zombie
    assert start_ticks(sleeper.pid) is None
    assert not is_alive(sleeper.pid, ticks)


@pytest.mark.parametrize(("grace_s", "by"), [(0.0, signal.SIGKILL), (5.0, signal.SIGTERM)])
def test_a_process_is_ended(sleeper: Process, grace_s: float, by: int) -> None:
    end(sleeper.pid, ticks_of(sleeper), grace_s=grace_s)
    assert sleeper.wait(5) == -by


def test_one_that_ignores_the_request_is_killed() -> None:
    words = ["sh", "-c", "trap '' TERM; echo ready; while :; do read line || exit; done"]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        end(process.pid, ticks_of(process), grace_s=0.05)
        assert process.wait(5) == -signal.SIGKILL


def test_another_process_with_the_same_pid_is_left_alone(sleeper: Process) -> None:
    end(sleeper.pid, ticks_of(sleeper) - 1, grace_s=1.0)
    assert sleeper.poll() is None


def test_waiting_has_an_end(sleeper: Process) -> None:
    assert not wait_gone(sleeper.pid, ticks_of(sleeper), 0.02)
    assert wait_gone(sleeper.pid, -1, 0.0)
