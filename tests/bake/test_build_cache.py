"""Layers that nothing needs go after a while; what an image came from stays, and so does whatever that stands on."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import pytest
from tests.support.tiny import busybox

from stoneware.bake import build, recipe
from stoneware.bake.build_cache import IDLE_S, Stored, idle, prune_cache
from stoneware.bake.leftovers import buildah_words
from stoneware.bake.our_base import remember_build
from stoneware.bake.workspace import workspace
from stoneware.host.home import Home
from stoneware.host.run import run

OLD = -IDLE_S - 1.0
STEPS = 'FROM scratch\nCOPY bin /bin\nCOPY app /app\nCMD ["/bin/busybox"]\n'


def stored(name: str, *layers: str, since: float = OLD, names: tuple[str, ...] = ()) -> Stored:
    return Stored(name, names, layers, since)


@pytest.mark.parametrize(
    ("images", "gone"),
    [
        ([stored("x", "1")], ["x"]),
        ([stored("x", "1", since=-1.0)], []),
        ([stored("x", "1", since=5.0)], []),  # the clock was set back
        ([stored("x", "1", names=("localhost/base:1",))], []),
        (
            [stored("made", "1", "2", "3"), stored("step", "1", "2"), stored("first", "1"), stored("other", "1", "9")],
            ["other"],
        ),
        ([stored("young", "1", "2", since=-1.0), stored("step", "1"), stored("other", "2")], ["other"]),
        ([stored("late", "7", "8"), stored("early", "7")], ["early", "late"]),
    ],
)
def test_what_nothing_needs_goes(images: list[Stored], gone: list[str]) -> None:
    assert [one.id for one in idle(images, {"made"}, 0.0)] == gone


def bake(home: Home, folder: Path, app: str) -> str:
    (folder / "bin").mkdir(parents=True, exist_ok=True)
    shutil.copy(busybox(), folder / "bin" / "busybox")
    (folder / "app").write_text(app)
    (folder / "Containerfile").write_text(STEPS)
    with workspace(home, "one", lambda _: None) as space:
        return build.build(space, recipe.find_recipe(folder, "Containerfile", "."), 0.0).image


def there(home: Home) -> int:
    return len(run([*buildah_words(home), "images", "--all", "--quiet"], timeout_s=60).stdout.split())


def age(home: Home) -> None:
    for path in (*(home.build / "store/root/overlay-images").iterdir(), *(home.build / "built").iterdir()):
        os.utime(path, (time.time() + OLD, time.time() + OLD))


@pytest.mark.host
def test_builds_of_images_that_are_gone_go_with_their_names(home: Home, tmp_path: Path) -> None:
    kept, other = "sha256:" + "a" * 64, "sha256:" + "b" * 64
    for digest, app in ((kept, "1"), (other, "2")):
        built = bake(home, tmp_path / "recipe", app)
        remember_build(home, digest, built)
        run([*buildah_words(home), "tag", built, f"localhost/web/{app}"], timeout_s=60)
    before = there(home)
    now = time.time()
    assert prune_cache(home, {kept}, {"web/1"}, now) == [], "all of it is young"
    age(home)
    assert prune_cache(home, {kept}, {"web/1"}, now + 60.0) == [], "it looks once a day"
    with workspace(home, "busy", lambda _: None):
        assert prune_cache(home, {kept}, {"web/1"}, now + 90000.0) == [], "not while somebody bakes"
    gone = prune_cache(home, {kept}, {"web/1"}, now + 90000.0)
    assert 0 < len(gone) == before - there(home)
    assert prune_cache(home, {kept}, {"web/1"}, now + 180000.0) == []
    assert [path.name for path in (home.build / "built").iterdir()] == ["a" * 64]
    steps: list[str] = []
    with workspace(home, "again", steps.append) as space:
        (tmp_path / "recipe" / "app").write_text("1")
        build.build(space, recipe.find_recipe(tmp_path / "recipe", "Containerfile", "."), 0.0)
    assert sum("Using cache" in line for line in steps) == 3, steps
