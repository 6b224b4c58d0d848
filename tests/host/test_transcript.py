"""Transcripts are asciicasts that hold all that was said, in order, also what was cut off in the middle of a character."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from stoneware.host import frames, transcript
from stoneware.host.transcript import Transcript, events, seal


def made(path: Path) -> Transcript:
    return Transcript(path, rows=24, columns=80, kind="xterm", began_at=1000.9, title="shell-1")


def test_a_character_in_two_pieces_is_one(tmp_path: Path) -> None:
    told = made(tmp_path / "a.cast")
    first, second = "é".encode()[:1], "é".encode()[1:]
    told.printed(b"caf" + first)
    told.printed(second + b"\xff\r\n")
    told.typed("é".encode())
    told.close()
    text = (tmp_path / "a.cast").read_text()
    assert [(kind, what) for _, kind, what in events(text)] == [("o", "caf"), ("o", "é\ufffd\r\n"), ("i", "é")]
    head = json.loads(text.splitlines()[0])
    assert (head["timestamp"], head["env"]) == (1000, {"TERM": "xterm"})


def test_what_was_cut_off_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    told = made(tmp_path / "a.cast")
    told.printed(b"one")
    told.printed(b"two")
    told.close()
    text = (tmp_path / "a.cast").read_text()[:-5]
    assert [what for _, _, what in events(text)] == ["one"]
    with pytest.raises(ValueError, match="not an asciicast"):
        list(events('{"version": 1}'))
    for odd in ("[]", "[" * 100_000):
        with pytest.raises(ValueError, match=r"not an asciicast|nested too deeply"):
            list(events(odd))


def test_nobody_writes_over_a_transcript_and_it_has_an_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transcript, "MOST_BYTES", 300)
    told = made(tmp_path / "a.cast")
    assert not told.full
    told.printed(b"x" * 400)
    assert told.full
    told.printed(b"more")
    told.close()
    assert "more" not in (tmp_path / "a.cast").read_text()
    with pytest.raises(FileExistsError):
        made(tmp_path / "a.cast")
    assert seal(tmp_path / "none.cast") == ("", 0)


def test_frames_come_together_again_whatever_the_pieces() -> None:
    sent = frames.frame(b"d", b"ls\n") + frames.frame(b"e") + frames.frame(b"w", b"24 80")
    pieces, found = frames.Frames(), []
    for one in range(len(sent)):
        found += pieces.feed(sent[one : one + 1])
    assert found == [(b"d", b"ls\n"), (b"e", b""), (b"w", b"24 80")]
    with pytest.raises(ValueError, match="a frame of"):
        frames.Frames().feed(b"d\xff\xff\xff\xff")
