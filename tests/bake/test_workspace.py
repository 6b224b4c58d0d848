"""What a dead bake left is found by its marks and removed; what a living one works with is not touched."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from stoneware.bake.base import MOUNTS_OF_ITS_OWN
from stoneware.bake.leftovers import MARK, clean_leftovers
from stoneware.bake.workspace import PRINTED, workspace
from stoneware.errors import ToolFailed
from stoneware.host.home import Home
from stoneware.host.process import start_ticks, wait_gone

ALIVE = f"{os.getpid()} {start_ticks(os.getpid())}"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    home.prepare()
    return home


@pytest.fixture
def leftover(home: Home) -> Iterator[subprocess.Popen[bytes]]:
    """A program of the bake `bake-7`, which runs on."""
    with subprocess.Popen(["sleep", "60"], env={**os.environ, MARK: str(home.build / "work" / "bake-7")}) as process:
        yield process
        process.kill()


def bake_folder(home: Home, name: str, owner: str | None) -> Path:
    folder = home.build / "work" / name
    (folder / "tree").mkdir(parents=True)
    if owner is not None:
        (folder / "owner").write_text(owner)
    return folder


@pytest.mark.parametrize(
    "owner", ["1 1", pytest.param(f"{os.getpid()} 1", id="another start"), "4194305 5", "rubbish", "", None]
)
def test_what_has_no_living_owner_goes_with_its_programs(
    owner: str | None, home: Home, leftover: subprocess.Popen[bytes]
) -> None:
    folder = bake_folder(home, "bake-7", owner)
    assert clean_leftovers(home) == ["bake-7"]
    assert leftover.wait(5) == -signal.SIGKILL
    assert not folder.exists()


def test_what_a_step_filled_goes_however_deep_it_is(home: Home) -> None:
    folder = bake_folder(home, "bake-7", None)
    subprocess.run(["sh", "-c", "for _ in $(seq 1200); do mkdir d; cd -P d; done"], cwd=folder / "tree", check=True)
    assert clean_leftovers(home) == ["bake-7"]
    assert not folder.exists()


def test_what_has_a_living_owner_stays_with_its_programs(home: Home, leftover: subprocess.Popen[bytes]) -> None:
    folder = bake_folder(home, "bake-7", ALIVE)
    bake_folder(home, "bake-6", "1 1")
    assert clean_leftovers(home) == ["bake-6"]
    assert (folder.exists(), leftover.poll()) == (True, None)


def test_another_bake_with_a_longer_name_is_another_bake(home: Home, leftover: subprocess.Popen[bytes]) -> None:
    bake_folder(home, "bake", "1 1")
    assert clean_leftovers(home) == ["bake"]
    assert leftover.poll() is None


def test_without_a_work_folder_there_is_nothing_to_clean(tmp_path: Path, home: Home) -> None:
    assert clean_leftovers(home) == []
    assert clean_leftovers(Home(tmp_path / "never-made")) == []


def test_a_workspace_has_an_owner_marks_its_programs_and_is_gone_afterwards(home: Home) -> None:
    lines: list[str] = []
    with workspace(home, "bake-1", lines.append) as space:
        assert (space.folder / "owner").read_text() == ALIVE
        done = space.run(["sh", "-c", f'echo "${MARK} $MORE"'], timeout_s=10, env={"MORE": "x"})
        assert done.stdout == f"{space.folder} x\n"
        assert clean_leftovers(home) == []
    assert lines == [f"{PRINTED}{space.folder} x"]
    assert not space.folder.exists()


def test_a_program_that_was_put_into_the_background_ends_with_its_workspace(home: Home) -> None:
    with workspace(home, "bake-1", lambda _: None) as space:
        words = ["sh", "-c", "setsid sleep 60 >/dev/null 2>&1 </dev/null & echo $!"]
        pid = int(space.run(words, timeout_s=10, quiet=True).stdout)
        ticks = start_ticks(pid)
        assert ticks is not None
    assert wait_gone(pid, ticks, 5)


def test_a_bake_that_is_cancelled_ends_its_program(home: Home) -> None:
    cancel = threading.Event()
    cancel.set()
    with pytest.raises(ToolFailed), workspace(home, "bake-1", lambda _: None, cancel) as space:
        space.run(["sleep", "60"], timeout_s=60)
    assert not (home.build / "work" / "bake-1").exists()


def test_many_bakes_may_begin_at_once(home: Home) -> None:
    wrong: list[BaseException] = []

    def bake(name: str) -> None:
        try:
            with workspace(home, name, lambda _: None) as space:
                assert space.folder.exists()
        except BaseException as error:
            wrong.append(error)

    threads = [threading.Thread(target=bake, args=(f"bake-{i}",)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


@pytest.mark.host
def test_files_of_a_layer_that_is_in_use_are_linked_not_copied(home: Home) -> None:
    with workspace(home, "bake-1", lambda _: None) as space:
        space.buildah("from", "--name", space.container, "scratch", quiet=True)
        tree = Path(space.buildah("mount", space.container, quiet=True).stdout.strip())
        (tree / "file").write_text("of the layer")
        [written] = (home.build / "store" / "root" / "overlay").glob("*/diff/file")
        os.link(written, space.folder / "linked")
        assert written.stat().st_nlink == 2


@pytest.mark.host
def test_what_a_killed_program_had_mounted_is_gone_with_it(home: Home, tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    marked = {**os.environ, MARK: str(bake_folder(home, "bake-7", "1 1"))}
    script = f"mount -t tmpfs none {tmp_path}/tree && touch {tmp_path}/tree/mounted && echo mounted && sleep 60"
    with subprocess.Popen([*MOUNTS_OF_ITS_OWN, "sh", "-c", script], env=marked, stdout=subprocess.PIPE) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == b"mounted\n"
        clean_leftovers(home)
    assert str(tmp_path / "tree") not in Path("/proc/self/mountinfo").read_text()
    assert not list((tmp_path / "tree").iterdir())
