"""A step as the words of `podman run`."""

from __future__ import annotations

from pathlib import Path

from stoneware.model.build import BuildStep
from stoneware.pipeline.words import Ground, environment_text, many_lined, run_words


def test_podman_notes_that_there_is_a_container() -> None:
    ground = Ground(
        name="build-1-0",
        build="build-1",
        image="web:1",
        mounts=(),
        network="none",
        memory_bytes=2**30,
        environment_file=Path("/jobs/0.env"),
        pid_file=Path("/jobs/0.pid"),
    )
    words = run_words(BuildStep(id="a", image="web:1", args=("--pidfile", "/x")), ground, 0)
    at = words.index("--pidfile")
    assert words[at + 1] == Path("/jobs/0.pid") and at < words.index("web:1")


def test_what_a_line_of_a_file_can_not_hold_is_passed_as_a_word() -> None:
    given = ("A=1", "B=one\ntwo", "C=end\r", "D=a\rb", "E=\u2028 \x0b")
    step = BuildStep(id="a", image="web:1", environment=given)
    assert many_lined(step) == ["B=one\ntwo", "C=end\r", "D=a\rb"]
    assert environment_text(step) == "HOME=/builder/home\nA=1\nE=\u2028 \x0b\n"
