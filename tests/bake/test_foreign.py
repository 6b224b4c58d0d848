"""Bakes of commits that anybody may have pushed, on real buildah: they see nothing of the host and of others' layers, and nothing
is fetched for them."""

from __future__ import annotations

import shutil
import socketserver
import threading
from collections.abc import Iterator
from ipaddress import IPv4Interface
from pathlib import Path

import pytest
from tests.support.tiny import busybox

from stoneware.bake import build, limits, recipe
from stoneware.bake.fetched import fetch
from stoneware.bake.growth import ASSUMED
from stoneware.bake.limits import MOST_PROCESSES
from stoneware.bake.own_network import NAMESPACES, POOL, name_of
from stoneware.bake.workspace import workspace
from stoneware.errors import BakeFailed
from stoneware.host.capacity import host_share
from stoneware.host.home import Home

pytestmark = pytest.mark.host


class Kitchen:
    """Bakes recipes of a folder; `printed` is what all of them have printed."""

    def __init__(self, home: Home, folder: Path) -> None:
        self.home, self.folder = home, folder
        self.printed: list[str] = []
        (folder / "bin").mkdir(parents=True)
        shutil.copy(busybox(), folder / "bin" / "busybox")

    def bake(self, text: str, *, owner: str = "ours", network: bool = False) -> str:
        (self.folder / "Containerfile").write_text(text)
        with workspace(self.home, "one", self.printed.append) as space:
            files = recipe.find_recipe(self.folder, "Containerfile", ".")
            return build.build(space, files, 0.0, owner=owner, network=network).image

    def refused(self, text: str, code: str, **more: object) -> BakeFailed:
        with pytest.raises(BakeFailed) as failed:
            self.bake(text, **more)  # type: ignore[arg-type]
        assert failed.value.code == code
        return failed.value


@pytest.fixture
def kitchen(home: Home, tmp_path: Path) -> Kitchen:
    return Kitchen(home, tmp_path / "recipe")


def step(command: str, options: str = "") -> str:
    return f'RUN {options} ["/bin/busybox", "sh", "-c", "{command}"]\n'


BEGIN = "FROM scratch\nCOPY bin /bin\n"


def test_no_mount_reaches_the_host(kitchen: Kitchen, home: Home) -> None:
    (kitchen.folder / "host").symlink_to("/")
    for mount in ("type=bind,source=host,target=/m,rw", "type=cache,target=/m,id=../../../.."):
        wrong = kitchen.refused(
            BEGIN + step(f"/bin/busybox touch /m{home.root}/was-here", f"--mount={mount}"), "recipe-refused"
        )
        assert "line 3: RUN --mount=" in wrong.step
    evil = f"FROM scratch AS s0\nCOPY bin /bin\n{step('/bin/busybox ln -s / /evil')}{BEGIN}"
    kitchen.refused(evil + step("true", "--mount=type=bind,from=s0,source=/evil,target=/m"), "recipe-refused")
    assert not (home.root / "was-here").exists()
    assert kitchen.printed == []


def test_mounts_of_its_own_folder_work_and_change_nothing_there(kitchen: Kitchen) -> None:
    (kitchen.folder / "in" / "deep").mkdir(parents=True)
    (kitchen.folder / "in" / "deep" / "word").write_text("given")
    text = BEGIN + step(
        "/bin/busybox cat /m/deep/word >/word; ! /bin/busybox touch /m/x", "--mount=type=bind,source=in,target=/m"
    )
    text += step("echo kept >/c/word", "--mount=type=cache,target=/c")
    text += step("/bin/busybox cat /c/word; echo >/t/x", "--mount=type=cache,target=/c --mount=type=tmpfs,target=/t")
    kitchen.bake(text + step("echo it is $(/bin/busybox cat /word)"))
    assert "| it is given" in kitchen.printed
    assert "| kept" in kitchen.printed
    assert sorted(path.name for path in (kitchen.folder / "in").iterdir()) == ["deep"]


def test_no_volume_shows_the_host(kitchen: Kitchen, home: Home) -> None:
    seen = step("/bin/busybox find /v/ -name *.pem; /bin/busybox ls /v/; echo done")
    (home.root / "signing-key.pem").write_text("secret")
    kitchen.bake(f"{BEGIN}{step('/bin/busybox mkdir -p /w/in; /bin/busybox ln -s /w/in /v')}VOLUME /v /x\n{seen}")
    assert "| done" in kitchen.printed
    odd = f"/a,lowerdir={home.root}"
    kitchen.refused(f'{BEGIN}VOLUME ["{odd}"]\n{seen}', "recipe-refused")
    kitchen.printed.clear()
    evil = step(f"/bin/busybox mkdir -p {odd}; /bin/busybox ln -s {odd} /v")
    kitchen.refused(f"{BEGIN}{evil}VOLUME /v\n{seen}", "recipe-failed")
    assert "| done" not in kitchen.printed
    assert not [line for line in kitchen.printed if line.endswith(".pem")]
    assert [line for line in kitchen.printed if "isn't of this recipe" in line]


def test_the_runtime_lets_no_mount_through_that_the_reading_missed(
    kitchen: Kitchen, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build, "require_within_bounds", lambda files: files.containerfile.read_text())
    (kitchen.folder / "host").symlink_to("/")
    evil = f"FROM scratch AS s0\nCOPY bin /bin\n{step('/bin/busybox ln -s / /evil')}"
    for begin, mount in (
        (BEGIN, "type=bind,source=host,target=/m,rw"),
        (BEGIN, "type=cache,target=/m,id=../../../.."),
        (evil + BEGIN, "type=bind,from=s0,source=/evil,target=/m"),
    ):
        kitchen.refused(
            begin + step(f"/bin/busybox touch /m{home.root}/was-here; echo done", f"--mount={mount}"), "recipe-failed"
        )
    assert not list(home.root.glob("**/was-here"))
    assert "| done" not in kitchen.printed


def test_nobody_elses_layer_is_named_by_its_id(kitchen: Kitchen) -> None:
    theirs = kitchen.bake(BEGIN + step("echo secret >/secret"), owner="theirs").removeprefix("sha256:")
    for name in (theirs[:3], theirs, f"sha256:{theirs}"):
        kitchen.refused(f"FROM {name}\n", "recipe-refused")
        kitchen.refused(f"ARG X={name}\nFROM $X\n", "recipe-refused")
        kitchen.refused(f"{BEGIN}COPY --from={name} /secret /\n", "recipe-refused")
        kitchen.refused(BEGIN + step("true", f"--mount=from={name},target=/m"), "recipe-refused")


def test_a_stage_hides_a_layer_whose_id_begins_like_its_name(kitchen: Kitchen) -> None:
    theirs = kitchen.bake(BEGIN + step("echo secret >/word"), owner="theirs").removeprefix("sha256:")
    stage = next((theirs[:size] for size in range(2, 64) if theirs[0] > "9"), "cafe")
    own = f"FROM scratch AS {stage}\nCOPY bin /bin\n{step('echo own >/word')}"
    kitchen.bake(f"{own}FROM {stage}\n{step('echo 1 $(/bin/busybox cat /word)')}")
    for name in (stage, "0"):
        kitchen.bake(f"{own}{BEGIN}COPY --from={name} /word /word\n{step(f'echo {name} $(/bin/busybox cat /word)')}")
    assert {f"| {name} own" for name in ("1", stage, "0")} <= set(kitchen.printed)
    assert not [line for line in kitchen.printed if line.startswith("|") and line.endswith(" secret")]


def test_a_base_with_instructions_of_its_own_is_refused(kitchen: Kitchen, home: Home) -> None:
    made = kitchen.bake(f"{BEGIN}ONBUILD RUN --mount=type=bind,source=host,target=/m true\n", owner="", network=True)
    with workspace(home, "two", lambda _: None) as space:
        space.buildah("tag", made, "localhost/web/1")
        with pytest.raises(BakeFailed, match="ONBUILD"):
            fetch(space, ["web/1"], network=False)
    assert "FROM web/1" in kitchen.refused("FROM web/1\n", "recipe-refused").step


def test_nor_is_one_with_longer_variables_than_were_reckoned_with(kitchen: Kitchen, home: Home) -> None:
    made = kitchen.bake(f"{BEGIN}ENV LONG={'a' * ASSUMED}\n", owner="", network=True)
    with workspace(home, "two", lambda _: None) as space:
        space.buildah("tag", made, "localhost/web/1")
    assert "variable" in kitchen.refused("FROM web/1\nENV A=$LONG$LONG\n", "recipe-refused").message


@pytest.fixture
def met() -> Iterator[tuple[int, list[bytes]]]:
    """The port of a server on this host's loopback, and what was asked of it."""
    asked: list[bytes] = []

    class Host(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            asked.append(self.rfile.readline())

    with socketserver.TCPServer(("127.0.0.1", 0), Host) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield server.server_address[1], asked
        server.shutdown()


def test_without_a_network_nothing_is_fetched(kitchen: Kitchen, met: tuple[int, list[bytes]]) -> None:
    port, asked = met
    for owner in ("ours", ""):
        there = kitchen.refused(f"FROM 127.0.0.1:{port}/x\n", "base-unavailable", owner=owner)
        assert "--allow network" in there.next_step
        kitchen.refused(f"{BEGIN}COPY --from=127.0.0.1:{port}/x / /\n", "base-unavailable", owner=owner)
        kitchen.refused(f"{BEGIN}ADD http://127.0.0.1:{port}/x /\n", "recipe-refused", owner=owner)
    assert asked == []


def test_with_a_network_images_are_asked_for_and_addresses_are_not(
    kitchen: Kitchen, met: tuple[int, list[bytes]]
) -> None:
    port, asked = met
    kitchen.refused(f"{BEGIN}ADD http://127.0.0.1:{port}/x /\n", "recipe-refused", network=True)
    assert asked == []
    kitchen.refused(f"FROM 127.0.0.1:{port}/x\n", "base-unavailable", network=True)
    assert asked
    asked.clear()
    kitchen.refused(f"{BEGIN}ADD http://127.0.0.1:{port}/x /\n", "recipe-failed", network=True, owner="")
    assert asked


def test_a_step_has_limits_and_can_not_lift_them(kitchen: Kitchen) -> None:
    # without a `cgroup.procs` it is the folder in which the groups of version 1 are mounted
    looks = (
        "for at in /sys/fs/cgroup /sys/fs/cgroup/pids /sys/fs/cgroup/memory; do [ -e $at/cgroup.procs ] || continue; "
    )
    looks += "/bin/busybox mkdir $at/deeper && echo LIFTED $at; "
    looks += "for file in pids.max memory.max memory.limit_in_bytes; do [ -e $at/$file ] || continue; "
    looks += (
        "echo LIMIT $file $(/bin/busybox cat $at/$file); (echo 5 >$at/$file) && echo LIFTED $at/$file; done; done; true"
    )
    kitchen.bake(BEGIN + step(looks))
    found = dict(line.removeprefix("| LIMIT ").split() for line in kitchen.printed if line.startswith("| LIMIT "))
    assert found.pop("pids.max") == str(MOST_PROCESSES)
    [memory] = found.values()
    assert 0 < int(memory) <= host_share().memory_bytes // 2
    assert not [line for line in kitchen.printed if line.startswith("| LIFTED")]


def test_more_processes_than_that_there_are_not(kitchen: Kitchen, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MOST_PROCESSES", 20)
    many = (
        "for at in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22; do /bin/busybox sleep 20 & done; echo all"
    )
    kitchen.refused(BEGIN + step(many), "recipe-failed")
    assert "| all" not in kitchen.printed


def test_with_a_network_a_step_is_on_its_bakes_own(kitchen: Kitchen) -> None:
    kitchen.bake(BEGIN + step("/bin/busybox ip -4 addr show eth0; /bin/busybox ip route"), network=True)
    [address] = [line.split()[2] for line in kitchen.printed if line.startswith("|     inet ")]
    assert IPv4Interface(address).network.subnet_of(POOL)
    assert [line for line in kitchen.printed if line.startswith("| default via ")]
    assert not [place for place in NAMESPACES.iterdir() if place.name == name_of(kitchen.home.build / "work" / "one")]


def test_a_step_is_ended_before_the_host_s_own_when_memory_runs_out(kitchen: Kitchen) -> None:
    look = "echo score; /bin/busybox cat /proc/self/oom_score_adj"
    kitchen.bake(BEGIN + step(look))
    assert kitchen.printed[kitchen.printed.index("| score") + 1] == "| 1000"


def test_a_step_is_told_no_proxy_of_the_hosts(kitchen: Kitchen, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTPS_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "http://ann:secret@127.0.0.1:9")
    for network in (False, True):
        kitchen.bake(BEGIN + step(f"/bin/busybox env; echo {network}"), network=network)
    assert "| True" in kitchen.printed
    assert not [line for line in kitchen.printed if "secret" in line]
