"""`stoneware image export` and `import`: what the words mean, and what is shown at the end."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.cli.conftest import Stoneware

from stoneware.cli import options, watching


class Daemon:
    """Takes one request and has it done at once."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, Any]]] = []

    def post(self, path: str, body: dict[str, Any], key: str | None = None) -> dict[str, Any]:
        assert key
        self.asked.append((path, body))
        return {"id": "import-1", "because": "imported web/2 as web/1", "frame": {"signed_by": ["3f9a" * 16]}}


@pytest.fixture
def daemon(monkeypatch: pytest.MonkeyPatch) -> Daemon:
    daemon = Daemon()
    monkeypatch.setattr(options, "client", lambda: daemon)
    monkeypatch.setattr(watching, "follow", lambda _, operation, **__: operation)
    return daemon


@pytest.mark.parametrize(
    ("words", "form", "to"),
    [
        (("--to", "out.stoneware"), "archive", "out.stoneware"),
        (("--to", "oci:out"), "layout", "out"),
        (("--as", "disk", "--to", "out.raw"), "disk", "out.raw"),
        (("--as", "disk", "--compress", "gce", "--to", "out.tar.gz"), "gce", "out.tar.gz"),
    ],
)
def test_the_daemon_is_told_an_absolute_path(
    words: tuple[str, ...], form: str, to: str, daemon: Daemon, stoneware: Stoneware
) -> None:
    assert stoneware("image", "export", "web/2", *words, "--reason", "why").code == 0
    body = {"image": "web/2", "to": str(Path(to).absolute()), "form": form, "force": False, "reason": "why"}
    assert daemon.asked == [("/v1/exports", body)]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--as", "disk", "--to", "oci:out"), "a disk is one file"),
        (("--compress", "gce", "--to", "out"), "say `--as disk`, too"),
        ((), "--to"),
    ],
)
def test_words_that_do_not_go_together(words: tuple[str, ...], said: str, daemon: Daemon, stoneware: Stoneware) -> None:
    done = stoneware("image", "export", "web/2", *words)
    assert (done.code, daemon.asked) == (2, [])
    assert said in done.err


@pytest.mark.parametrize("source", ["file.stoneware", "oci:folder"])
def test_an_import_says_what_became_of_it_and_who_vouches_for_it(
    source: str, daemon: Daemon, stoneware: Stoneware
) -> None:
    done = stoneware("image", "import", source)
    assert done.out == "imported web/2 as web/1\nsigned by 3f9a3f9a3f9a3f9a\n"
    assert daemon.asked == [
        ("/v1/imports", {"source": str(Path(source.removeprefix("oci:")).absolute()), "reason": ""})
    ]


def test_json_and_no_wait(daemon: Daemon, stoneware: Stoneware) -> None:
    assert json.loads(stoneware("image", "import", "file", "--json").out)["frame"]["signed_by"] == ["3f9a" * 16]
    assert stoneware("image", "import", "file", "--no-wait").out == "import-1 is under way\n"
