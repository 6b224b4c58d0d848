"""The door to programs: words only, always within a time limit, and nothing survives that was given up."""

from __future__ import annotations

import threading
import tracemalloc
from pathlib import Path

import pytest

from stoneware.errors import Misconfigured, ToolFailed
from stoneware.host.process import start_ticks, wait_gone
from stoneware.host.run import SEEN_KEPT_BYTES, TAIL_LINES, run, spawn

# a program with a child; the child's pid is its first line
PARENT = ["sh", "-c", "sleep 60 & echo $!; wait"]


def test_what_a_program_wrote() -> None:
    done = run(["sh", "-c", "echo out; echo err >&2"])
    assert (done.status, done.stdout) == (0, "out\n")
    assert sorted(done.tail.split()) == ["err", "out"]


@pytest.mark.parametrize("words", [["a b", "c;d", "$HOME", "*", ""], ["ä", "\n"]])
def test_words_arrive_as_they_are(words: list[str]) -> None:
    assert run(["printf", "%s|", *words]).stdout == "".join(f"{word}|" for word in words)


def test_the_environment_is_added_to_ours(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("OURS", "1")
    done = run(["sh", "-c", 'echo "$OURS $MORE"; pwd'], env={"MORE": "2"}, cwd=tmp_path)
    assert done.stdout == f"1 2\n{tmp_path}\n"


def test_lines_come_as_they_are_shown_in_the_end() -> None:
    lines: list[str] = []
    run(["printf", r"10%%\r100%%\nbad \xff byte\nno end"], on_line=lines.append)
    assert lines == ["100%", "bad \ufffd byte", "no end"]


def test_a_program_that_ends_no_line_fills_no_memory() -> None:
    """Nor does one that overwrites its line for ever."""
    lengths: list[int] = []
    tracemalloc.start()
    try:
        for letter, size, most in (("x", 30_000_000, 16384), ("\\r", 30_000_000, 0), ("\\n", 5_000_000, 0)):
            words = ["sh", "-c", f"head -c {size} /dev/zero | tr '\\000' '{letter}'; printf end"]
            done = run(words, on_line=lambda line: lengths.append(len(line)) if line else None, timeout_s=300)
            assert done.tail.endswith("end\n") and len(done.stdout) == SEEN_KEPT_BYTES
            assert max(lengths) == max(most, 3)
            lengths.clear()
        assert tracemalloc.get_traced_memory()[1] < 5 * SEEN_KEPT_BYTES
    finally:
        tracemalloc.stop()


def test_what_is_parsed_is_there_whole_and_what_is_not_is_cut() -> None:
    words = ["sh", "-c", "yes abc | head -c 9000000"]
    assert run(words).stdout == "abc\n" * 2_250_000
    assert run(words, keep_bytes=6).stdout == "abc\nab"


def test_the_tail_is_short() -> None:
    assert len(run(["seq", "1000"]).tail.splitlines()) == TAIL_LINES


def test_another_status_is_a_failure_unless_it_is_asked_for() -> None:
    with pytest.raises(ToolFailed, match="ended with status 3: sorry") as failed:
        run(["sh", "-c", "echo sorry; exit 3"])
    assert failed.value.status == 3
    assert run(["sh", "-c", "exit 3"], ok=(0, 3)).status == 3


@pytest.mark.parametrize("how", ["timeout", "cancel"])
def test_a_program_that_is_given_up_ends_with_all_its_children(how: str) -> None:
    lines: list[str] = []
    cancel = threading.Event()
    if how == "cancel":
        cancel.set()
    with pytest.raises(ToolFailed, match="timed out") as failed:
        run(PARENT, timeout_s=0.3 if how == "timeout" else 60, on_line=lines.append, cancel=cancel)
    assert failed.value.status is None
    child = int(lines[0])
    ticks = start_ticks(child)
    assert ticks is None or wait_gone(child, ticks, 5)


@pytest.mark.parametrize(
    ("word", "cwd", "wrong"),
    [
        ("no-such-program", None, "no-such-program is not installed"),
        ("/", None, "can't be started: Permission denied"),
        ("true", Path("/no/such/folder"), "true can't be started in /no/such/folder: no such folder"),
    ],
)
def test_a_program_that_can_not_be_started(word: str, cwd: Path | None, wrong: str) -> None:
    with pytest.raises(Misconfigured, match=wrong):
        run([word], cwd=cwd)


def test_a_spawned_program_is_in_a_session_of_its_own_and_writes_to_its_log(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("before\n")
    pid = spawn(["sh", "-c", "cut -d' ' -f1,6 /proc/$$/stat; echo err >&2"], log=log)
    ticks = start_ticks(pid)
    assert ticks is None or wait_gone(pid, ticks, 10)
    assert log.read_text() == f"before\n{pid} {pid}\nerr\n"
