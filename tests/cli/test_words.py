"""Words that nothing can be done with, in front of a whole daemon: said in words of the command line, as bad input."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.api.house import ACTOR, TestClient
from tests.cli.conftest import Stoneware
from tests.support.near import NearClient

from stoneware.cli import options
from stoneware.clock import SystemClock
from stoneware.daemon import build
from stoneware.host.home import Home

TRIGGER = ("trigger", "create", "web", "-r", "https://git.example.org/web.git")


@pytest.fixture
def daemon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    made = build(Home(tmp_path / "daemons"), SystemClock())
    with TestClient(made.app, headers=ACTOR, raise_server_exceptions=False) as http:
        monkeypatch.setattr(options, "client", lambda: NearClient(http))
        yield
    made.services.store.close()


@pytest.mark.parametrize(
    ("words", "wrong", "hint"),
    [
        ((*TRIGGER, "--allow", "bake,x"), "'x' is not one of bake, deploy,", ""),
        ((*TRIGGER, "--every", "1s"), "stoneware: every: Input should be", "stoneware trigger create --help"),
        ((*TRIGGER, "--watch", "webhook"), "stoneware: a webhook needs form", "stoneware trigger create --help"),
        (
            ("trigger", "create", "Web", "-r", "/x"),
            "stoneware: name: 'Web' has the wrong form",
            "trigger create --help",
        ),
        (
            ("role", "grant", "No!", "ann@host"),
            "stoneware: role: 'No!' has the wrong form",
            "stoneware role grant --help",
        ),
        (("builder", "map", "a b", "c"), "stoneware: name: has the wrong form", "stoneware builder map --help"),
        (("build", "list", "--limit", "0"), "0 is not in the range 1<=x<=1000", ""),
        (("history", "--limit", "1001"), "1001 is not in the range", ""),
        (("ledger", "show", "--limit", "-1"), "-1 is not in the range", ""),
        (("build", "show", ""), "stoneware: no build\n", "stoneware build list"),
        (("build", "show", "../../etc"), "stoneware: no build ../../etc", "stoneware build list"),
        (("build", "logs", "build-1/../x"), "stoneware: no build build-1/../x", "stoneware build list"),
        (("build", "cancel", "x/y"), "stoneware: no build x/y", "stoneware build list"),
        (("build", "retry", "a/b"), "stoneware: no build a/b", "stoneware build list"),
        (("trigger", "show", "../x"), "stoneware: no trigger ../x", "stoneware trigger list"),
        (("machine", "show", "x/y"), "stoneware: there is nothing like machines/x/y", "has no / in it"),
        (("build", "run", ".", "-s", "_A=\udcff"), "stoneware: _A=\\xff is no UTF-8", "in UTF-8"),
        (("build", "show", "\udcff"), "stoneware: \\xff is no UTF-8", "in UTF-8"),
        (("trigger", "create", "\udcff", "-r", "/x"), "stoneware: \\xff is no UTF-8", "in UTF-8"),
    ],
)
def test_words_that_make_no_sense(
    words: tuple[str, ...], wrong: str, hint: str, stoneware: Stoneware, daemon: None
) -> None:
    done = stoneware(*words)
    assert done.code == 2, done
    assert wrong in done.err
    assert hint in done.err
    assert not any(word in done.err for word in ("body.", "query.", "path.", "openapi"))
