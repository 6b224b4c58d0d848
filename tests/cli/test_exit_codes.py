"""Exit codes are a promise: 0 done, 1 failed (or drift not compared), 2 bad input, 3 daemon out of reach, 4 drift was found.

No command ends in a traceback.
"""

from __future__ import annotations

import json
from pathlib import Path

import click
import pytest
from tests.cli.conftest import Stoneware

from stoneware.cli import local
from stoneware.errors import BadInput, BakeFailed, Conflict, DaemonUnreachable, NotFound, Refused

ASKS_THE_DAEMON = [
    "plan",
    "deploy hello --yes",
    "bake",
    "status",
    "status hello --watch",
    "status --json",
    "explain",
    "rehearse rollback hello",
    "explain hello",
    "explain hello --json",
    "rollback hello --yes",
    "destroy hello --yes",
    "pause hello",
    "resume hello",
    "approve hello",
    "abort rollout-1",
    "history",
    "history rollout-1 --watch",
    "release list hello",
    "release show hello 1",
    "image list",
    "image show hello/1",
    "image deprecate hello/1",
    "image obsolete hello/1",
    "image restore hello/1",
    "image delete hello/1 --yes",
    "image deprecate hello/1 --in 30d",
    "image delete hello/1 --in never",
    "image restore hello/1 --revoked --reason wrong",
    "image revoke hello/1 --reason bad",
    "image why-kept hello/1",
    "image why-kept hello/1 --json",
    "image prune --dry-run",
    "bake --deprecate-in 30d",
    "family list",
    "family show hello",
    "machine list",
    "machine show hello-web-r1-0",
    "machine console hello-web-r1-0",
    "machine release hello-web-r1-0",
    "drift",
    "drift hello --json",
    "drift --watch",
    "disk list",
    "disk delete hello-web-data-0 --yes",
    "key show",
    "key list",
    "key trust stoneware.yaml",
    "key distrust 3f9a52c0",
    "ledger show",
    "ledger verify",
    "serve --stop",
]


@pytest.mark.parametrize("words", ASKS_THE_DAEMON)
def test_without_a_daemon_it_is_out_of_reach(words: str, stoneware: Stoneware) -> None:
    stoneware("init")
    done = stoneware(*words.split())
    assert done.code == 3
    said = done.out if "--json" in words else done.err
    assert "no daemon answers at" in said
    assert "stoneware serve" in said


def test_out_of_reach_is_said_to_programs_too(stoneware: Stoneware) -> None:
    done = stoneware("status", "--json")
    assert json.loads(done.out)["kind"] == "DaemonUnreachable"
    assert done.err == ""


@pytest.mark.parametrize("words", ["check", "plan", "plan town", "bake", "deploy", "deploy town --yes"])
@pytest.mark.parametrize("text", ["", "images: 5", "a: [", "deployments: { town: { groups: { web: { image: w } } } }"])
def test_a_broken_file_is_bad_input_whether_or_not_a_daemon_answers(
    words: str, text: str, stoneware: Stoneware
) -> None:
    Path("stoneware.yaml").write_text(text)
    done = stoneware(*words.split())
    assert done.code == 2
    assert done.err.startswith("stoneware.yaml:1")
    assert "nothing was changed" in done.err


@pytest.mark.parametrize(
    ("words", "wrong"),
    [
        (("bake", "nobody"), "no image nobody is declared"),
        (("check", "-f", "nowhere"), "there is no nowhere"),
        (("check", "-f", "x" * 300), "File name too long"),
        (("init", "stoneware.yaml/inside"), "can't be written to"),
    ],
)
def test_what_leads_nowhere_is_bad_input(words: tuple[str, ...], wrong: str, stoneware: Stoneware) -> None:
    stoneware("init")
    done = stoneware(*words)
    assert done.code == 2
    assert wrong in done.err


@pytest.mark.parametrize(
    ("words", "usage", "wrong"),
    [
        ("--oops", "stoneware", "--oops"),
        ("stats", "stoneware", "no such command 'stats'. Did you mean 'status'?"),
        ("status --oops", "stoneware status", "--oops"),
        ("image show", "stoneware image show", "missing argument 'IMAGE'"),
        ("release show hello -1", "stoneware release show", "-1"),
        ("history --at tomorrow", "stoneware history", "invalid value for '--at': 'tomorrow' is"),
        ("history --at 9999-12-31", "stoneware history", "invalid value for '--at': '9999-12-31' is still to come"),
        ("ledger verify --file nowhere", "stoneware ledger verify", "File 'nowhere' does not exist"),
        ("completion dash", "stoneware completion", "'dash'"),
    ],
)
def test_bad_usage_has_a_code_and_a_page_like_every_failure(
    words: str, usage: str, wrong: str, stoneware: Stoneware
) -> None:
    done = stoneware(*words.split())
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(f"Usage: {usage} ")
    assert "\nstoneware: " in done.err
    assert wrong in done.err
    assert "--help` says what is asked for\n" in done.err
    assert done.err.endswith("  code: bad-input (`stoneware docs bad-input`)\n")


def test_bad_usage_is_said_to_programs_too(stoneware: Stoneware) -> None:
    done = stoneware("status", "--oops", "--json")
    assert (done.code, done.err) == (2, "")
    told = json.loads(done.out)
    assert (told["kind"], told["code"]) == ("BadInput", "bad-input")
    assert "--oops" in told["error"]
    assert told["next_step"] == "`stoneware status --help` says what is asked for"


@pytest.mark.parametrize("words", ["", "image"])
def test_without_a_command_there_is_help(words: str, stoneware: Stoneware) -> None:
    done = stoneware(*words.split())
    assert done.code == 2
    assert done.err.startswith("Usage: stoneware")
    assert "Commands" in done.err
    assert "code:" not in done.err


@pytest.mark.parametrize(
    ("variable", "said"),
    [
        *(("STONEWARE_BUILDS_AT_ONCE", said) for said in ("0", "-1", "abc", "65", "\u00b2", "9" * 5000)),
        ("STONEWARE_BUILD_STATUS_HOOK", "notify 'once"),
    ],
)
@pytest.mark.parametrize("words", ["serve", "serve --background"])
def test_a_daemon_that_is_told_nonsense_doesnt_begin(
    words: str, variable: str, said: str, stoneware: Stoneware, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, said)
    done = stoneware(*words.split())
    assert done.code == 2
    assert f"{variable} is {said!r}" in done.err
    assert "or unset it" in done.err


def test_a_doctor_with_bad_news_fails(stoneware: Stoneware, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")  # no QEMU, so no accelerator to prove
    done = stoneware("doctor")
    assert done.code == 1
    assert "FAIL  qemu" in done.out
    assert "install qemu-system-x86" in done.out


def answer(error: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes `stoneware schema` end with an error."""

    def fails() -> None:
        raise error

    monkeypatch.setattr(local, "schema", click.Command("schema", callback=fails))


@pytest.mark.parametrize(
    ("error", "status", "said", "code"),
    [
        (BadInput("it is wrong", next_step="mend it"), 2, "stoneware: it is wrong\n  next: mend it\n", "bad-input"),
        (NotFound("no such thing"), 2, "stoneware: no such thing\n", "not-found"),
        (Conflict("not now"), 1, "stoneware: not now\n", "conflict"),
        (Refused("no", code="image-revoked"), 1, "stoneware: no\n", "image-revoked"),
        (BakeFailed("it burnt"), 1, "stoneware: it burnt\n", "bake-failed"),
        (DaemonUnreachable("nobody there"), 3, "stoneware: nobody there\n", "daemon-unreachable"),
        (click.exceptions.Exit(1), 1, "", ""),
        (click.exceptions.Exit(0), 0, "", ""),
        (
            KeyError("oops"),
            1,
            "stoneware: internal error: KeyError: 'oops'\n  STONEWARE_DEBUG=1 shows where; please report it\n",
            "unforeseen",
        ),
        (BrokenPipeError(32, "Broken pipe"), 1, "", ""),
    ],
)
def test_each_error_has_its_exit_code_its_words_and_its_code(
    error: BaseException, status: int, said: str, code: str, stoneware: Stoneware, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer(error, monkeypatch)
    done = stoneware("schema")
    led = f"  code: {code} (`stoneware docs {code}`)\n" if code else ""
    assert (done.code, done.err) == (status, said + led)


def test_a_person_who_says_no_has_changed_nothing(stoneware: Stoneware, monkeypatch: pytest.MonkeyPatch) -> None:
    answer(KeyboardInterrupt(), monkeypatch)
    done = stoneware("schema")
    assert (done.code, done.err.strip()) == (1, "cancelled; nothing was changed")


def test_an_internal_error_shows_where_when_asked(stoneware: Stoneware, monkeypatch: pytest.MonkeyPatch) -> None:
    answer(KeyError("oops"), monkeypatch)
    monkeypatch.setenv("STONEWARE_DEBUG", "1")
    assert "Traceback" in stoneware("schema").err
