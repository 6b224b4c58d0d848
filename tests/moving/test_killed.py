"""A daemon that is killed in the middle: nothing is half there, and the next daemon brings it to its end."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.moving.conftest import open_house
from tests.moving.small import archive, contents, make, members, record_of

from stoneware.bake.leftovers import clean_leftovers
from stoneware.clock import SystemClock
from stoneware.host.home import Home
from stoneware.model.image import Artifact, ImageState
from stoneware.store.database import url_for
from stoneware.store.store import open_store

DAEMON = """
import os, signal, sys, time
from pathlib import Path
from stoneware.clock import SystemClock
from stoneware.daemon import build
from stoneware.host.home import Home
from stoneware.moving import entering, meter, placing
from stoneware.operations import exporting, importing
from stoneware.store.catalog import Catalog

def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)

def dying_after(act):
    def both(*words, **more):
        act(*words, **more)
        die()
    return both

kind, when, root, path, body = sys.argv[1:]
if when == "half":
    plain = meter.Meter.add
    def add(self, count):
        plain(self, count)
        if self.done_bytes * 2 > self.total_bytes:
            die()
    meter.Meter.add = add
elif when == "before":
    entering.Entering.enter = die
    placing.place = die
elif when == "after":
    entering.Entering.enter = dying_after(entering.Entering.enter)
    placing.place = dying_after(placing.place)
elif when == "staged":
    Catalog.stage = dying_after(Catalog.stage)
elif when == "published":
    Catalog.publish = dying_after(Catalog.publish)
daemon = build(Home(Path(root)), SystemClock())
worker, store = daemon.services.worker, daemon.services.store
import json
from fastapi.testclient import TestClient
with TestClient(daemon.app, headers={"X-Stoneware-Actor": "ann@host"}) as http:
    answer = http.post(path, json=json.loads(body))
    assert answer.status_code == 202, answer.text
worker.start()
time.sleep(60)
sys.exit("nobody died")
"""


def killed(kind: str, when: str, home: Home, path: str, body: str) -> None:
    """A daemon that begins this and dies at that moment."""
    words = [sys.executable, "-W", "ignore", "-c", DAEMON, kind, when, str(home.root), path, body]
    ended = subprocess.run(words, capture_output=True, text=True, timeout=90, check=False)
    assert ended.returncode == -signal.SIGKILL, ended.stderr


def finished(home: Home, operation: str) -> str:
    """What the next daemon makes of it."""
    clean_leftovers(home)
    for house in open_house(home):
        return str(house.end_of(operation)["because"])
    raise AssertionError("no daemon")


@pytest.mark.parametrize("when", ["half", "before", "after", "staged", "published"])
def test_an_import(when: str, home: Home, artifact: Artifact, tmp_path: Path) -> None:
    source = archive(artifact, tmp_path / "file")
    killed("import", when, home, "/v1/imports", f'{{"source": "{source}"}}')
    store = open_store(url_for(home.database), SystemClock())
    images = store.catalog.list()
    there = home.images / artifact.folder.name
    if images:
        assert images[0].state is (ImageState.ACTIVE if when == "published" else ImageState.STAGED)
        assert contents(there) == contents(artifact.folder)
    elif there.exists():
        assert when == "after"
        assert contents(there) == contents(artifact.folder)
    store.close()
    assert finished(home, "import-1") == "imported web/7 as web/1"
    assert contents(there) == contents(artifact.folder)
    assert list((home.build / "work").iterdir()) == []
    store = open_store(url_for(home.database), SystemClock())
    verbs = [entry.fact.verb for entry in store.ledger.entries() if not entry.fact.verb.startswith("daemon.")]
    effects = [verb for verb in verbs if verb != "import.step"]
    assert effects == ["import.begin", "image.import", "image.stage", "image.publish", "import.succeeded"]
    store.close()


@pytest.mark.parametrize("form", ["archive", "layout"])
@pytest.mark.parametrize("when", ["half", "before", "after"])
def test_an_export(when: str, form: str, there: Home, tmp_path: Path) -> None:
    artifact, to = make(there), tmp_path / "out" / "moved"
    to.parent.mkdir()
    store = open_store(url_for(there.database), SystemClock())
    store.catalog.stage(artifact.manifest, 1, "ann")
    store.catalog.publish(artifact.manifest.digest, record_of(artifact.manifest), "ann")
    store.close()
    killed("export", when, there, "/v1/exports", f'{{"image": "web/1", "to": "{to}", "form": "{form}"}}')
    assert to.exists() == (when == "after")
    assert finished(there, "export-1") == f"exported web/1 to {to}"
    assert [path.name for path in to.parent.iterdir()] == ["moved"]
    assert "index.json" in (members(to) if form == "archive" else contents(to))
