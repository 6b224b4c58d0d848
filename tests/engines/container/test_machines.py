"""What a container may, what it is told, what it keeps, and what the host sees of it: with real containers."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.support.foundry import Foundry
from tests.support.layouts import (
    MASKS,
    container_engine,
    mounts_below,
    plain_container,
    sealed_container,
)

from stoneware.clock import ManualClock
from stoneware.engines.container import ContainerEngine
from stoneware.engines.container.disks import loops_work
from stoneware.errors import Refused, Unreachable
from stoneware.host.home import Home
from stoneware.host.run import run
from stoneware.model.image import Artifact
from stoneware.model.machine import DiskMount, Machine, Phase, Power, Ran, WantedDisk, WantedMachine

pytestmark = pytest.mark.host
PATIENCE_S = 30.0
NAME = "town-web-r1-0"
MOTD = ' be kind, "critters" $HOME %n \\'
MIB = 2**20


@pytest.fixture
def sealed(foundry: Foundry) -> Artifact:
    return sealed_container(foundry)


@pytest.fixture
def plain(foundry: Foundry) -> Artifact:
    return plain_container(foundry)


def wanted(
    artifact: Artifact, *disks: str, isolated: bool = False, agent: bool = False, name: str = NAME
) -> WantedMachine:
    return WantedMachine(
        name=name,
        owner="town",
        group="web",
        fleet=1,
        index=0,
        digest=artifact.manifest.digest,
        cpus=1,
        memory_bytes=256 * MIB,
        ports=(80,),
        config={"MOTD": MOTD},
        disks=tuple(DiskMount(disk=disk, mount="/var/lib/critter") for disk in disks),
        isolated=isolated,
        agent=agent,
    )


def until(look: Callable[[], object], why: str) -> None:
    end = time.monotonic() + PATIENCE_S
    while not look():
        assert time.monotonic() < end, why
        time.sleep(0.05)


def seen(engine: ContainerEngine, name: str = NAME) -> Machine:
    return next(machine for machine in engine.list_machines() if machine.name == name)


def serving(engine: ContainerEngine, artifact: Artifact, *disks: str, isolated: bool = False) -> Machine:
    engine.publish_image(artifact)
    engine.create_machine(wanted(artifact, *disks, isolated=isolated))
    for disk in disks:
        engine.create_disk(WantedDisk(name=disk, owner="town", size_bytes=64 * MIB))
        engine.attach_disk(disk, NAME)
    until(lambda: seen(engine).phase is Phase.SERVING, "it never served")
    return seen(engine)


def end_by_force(engine: ContainerEngine) -> None:
    """Stops a machine whose application takes no notice, as if its grace were over."""
    engine.stop_machine(NAME)
    later = ContainerEngine(engine.home, ManualClock(time.time() + 60), MASKS)
    later.stop_machine(NAME)
    until(lambda: seen(engine).power is Power.STOPPED, "it was never ended")


def inside(engine: ContainerEngine, *words: str, ok: tuple[int, ...] = (0,)) -> str:
    """Runs a command in the machine: a test may, the product has no way to."""
    return engine.podman.run("exec", NAME, *words, ok=ok)


def fetch(machine: Machine, path: str) -> str:
    host, _, port = machine.addresses[80].rpartition(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=10)
    connection.request("GET", path)
    return connection.getresponse().read().decode()


def test_services_get_the_configuration_and_the_machine_its_name(engine: ContainerEngine, sealed: Artifact) -> None:
    machine = serving(engine, sealed)
    until(lambda: fetch(machine, "/motd") == f"{MOTD}\n", "the configuration never came")
    assert inside(engine, "sh", "-c", '. /run/stoneware/config.env; printf %s "$MOTD"') != ""
    assert inside(engine, "hostname").strip() == NAME
    assert len(inside(engine, "cat", "/etc/machine-id").strip()) == 32
    assert inside(engine, "readlink", "/proc/1/exe").strip().endswith("systemd")


def test_nothing_of_the_image_can_be_changed_and_little_be_done(engine: ContainerEngine, sealed: Artifact) -> None:
    serving(engine, sealed)
    for path in (
        "/etc/motd",
        "/usr/x",
        "/srv/www/version",
        "/run/systemd/system/x.service",
        "/run/stoneware/config.env",
    ):
        assert "Read-only" in inside(engine, "sh", "-c", f"echo x 2>&1 >{path} || true"), path
    inside(engine, "sh", "-c", "echo x >/run/x; echo x >/tmp/x; echo x >/var/log/nginx/x")
    with pytest.raises(Unreachable, match="mount"):
        inside(engine, "mount", "-o", "remount,rw", "/")
    status = dict(line.split(":\t") for line in inside(engine, "cat", "/proc/1/status").splitlines() if ":\t" in line)
    assert status["NoNewPrivs"] == "1"
    granted = int(status["CapBnd"], 16)
    assert not granted >> 21 & 1, "CAP_SYS_ADMIN"
    assert not granted >> 12 & 1, "CAP_NET_ADMIN"
    assert not granted >> 13 & 1, "CAP_NET_RAW"


def test_declared_paths_are_in_memory_with_content_owner_and_mode(engine: ContainerEngine, plain: Artifact) -> None:
    serving(engine, plain)
    stat = ("stat", "-c", "%U:%a", "/var/lib/critter", "/var/lib/nginx", "/var/lib/nginx/body")
    assert inside(engine, *stat).split() == ["critter:755", "root:755", "www-data:700"]
    inside(engine, "touch", "/var/lib/critter/fox")
    filesystems = inside(engine, "stat", "-f", "-c", "%T", "/var/lib/critter", "/tmp", "/run").split()
    assert filesystems == ["tmpfs"] * 3
    end_by_force(engine)
    engine.start_machine(NAME)
    until(lambda: seen(engine).phase is Phase.SERVING, "it never served again")
    assert inside(engine, "ls", "/var/lib/critter") == ""
    assert inside(engine, *stat).split()[0] == "critter:755"


def test_an_image_without_init_runs_its_entrypoint(engine: ContainerEngine, plain: Artifact) -> None:
    machine = serving(engine, plain)
    until(lambda: seen(engine).phase is Phase.SERVING and _answers(machine), "it never answered")
    assert fetch(machine, "/version").strip() == "1"
    assert inside(engine, "printenv", "MOTD") == f"{MOTD}\n"
    assert inside(engine, "cat", "/proc/1/comm").strip() == "python3"
    assert "GET /version" in engine.read_console(NAME)


def test_an_init_that_is_not_there_is_refused(engine: ContainerEngine, plain: Artifact) -> None:
    lost = Artifact(folder=plain.folder, manifest=plain.manifest.model_copy(update={"init": "/no/init"}))
    engine.publish_image(lost)
    with pytest.raises(Refused, match="/no/init"):
        engine.create_machine(wanted(lost))
    assert seen(engine).phase is not Phase.SERVING


def test_a_writable_path_behind_a_link_is_refused(engine: ContainerEngine, plain: Artifact) -> None:
    broken = Artifact(folder=plain.folder, manifest=plain.manifest.model_copy(update={"writable": ("/var/run/x",)}))
    engine.publish_image(broken)
    with pytest.raises(Refused, match="behind a link"):
        engine.create_machine(wanted(broken))


def test_an_isolated_machine_is_reached_and_reaches_nothing(engine: ContainerEngine, sealed: Artifact) -> None:
    machine = serving(engine, sealed, isolated=True)
    until(lambda: _answers(machine), "it can't be reached")
    assert "default" not in inside(engine, "cat", "/proc/net/route")
    reach = "import socket; socket.create_connection(('192.0.2.1', 53), 3)"
    assert "unreachable" in inside(engine, "sh", "-c", f'python3 -c "{reach}" 2>&1 || true')


def test_commands_run_in_machines_under_test_alone(engine: ContainerEngine, sealed: Artifact) -> None:
    serving(engine, sealed)
    with pytest.raises(Refused, match="no way to run commands"):
        engine.run_inside(NAME, ["true"], 5)
    engine.delete_machine(NAME)
    engine.create_machine(wanted(sealed, agent=True))
    until(lambda: seen(engine).phase is Phase.SERVING, "it never served")
    assert engine.run_inside(NAME, ["sh", "-c", "echo one; exit 3"], 10) == Ran(status=3, output="one\n")
    assert engine.run_inside(NAME, ["/no/such/program"], 10).status == 127
    with pytest.raises(Unreachable, match="timed out"):
        engine.run_inside(NAME, ["sleep", "30"], 0.5)


def test_an_image_that_is_no_container_is_refused(engine: ContainerEngine, sealed: Artifact) -> None:
    for changes, said in (({"deliver": ("vm",)}, "no container image"), ({"container": "sha256:1"}, "isn't sha256:1")):
        other = Artifact(folder=sealed.folder, manifest=sealed.manifest.model_copy(update=changes))
        with pytest.raises(Refused, match=said):
            engine.publish_image(other)


def test_units_that_fail_are_named(engine: ContainerEngine, sealed: Artifact) -> None:
    without = Artifact(folder=sealed.folder, manifest=sealed.manifest.model_copy(update={"writable": ()}))
    serving(engine, without)
    until(lambda: seen(engine).failed_units == ("nginx.service",), "nobody said that nginx has failed")
    until(lambda: "Failed to start nginx" in engine.read_console(NAME), "the console says nothing of it")
    assert engine.list_machines()[0].digest == without.manifest.digest


def test_a_well_machine_has_no_failed_units(engine: ContainerEngine, sealed: Artifact) -> None:
    machine = serving(engine, sealed)
    until(lambda: _answers(machine), "it never answered")
    assert seen(engine).failed_units == ()
    assert inside(engine, "systemctl", "list-units", "--failed", "--plain", "--no-legend") == ""


def test_memory_and_processes_are_limited(engine: ContainerEngine, sealed: Artifact) -> None:
    serving(engine, sealed)
    told = json.loads(engine.podman.run("container", "inspect", NAME))[0]["HostConfig"]
    assert (told["Memory"], told["MemorySwap"], told["PidsLimit"]) == (256 * MIB, 256 * MIB, 2048)
    assert told["NanoCpus"] == 10**9
    assert told["ReadonlyRootfs"]
    hog = inside(engine, "python3", "-c", "b = bytearray(400 * 2**20)", ok=(0, 137))
    assert seen(engine).power is Power.RUNNING, hog
    assert not Path("oom").exists(), "conmon's notes belong to the home"


@pytest.mark.skipif(not loops_work(), reason="this host has no loop devices, so sizes are not enforced")
def test_a_disk_has_its_size_its_owner_and_keeps_its_data(engine: ContainerEngine, sealed: Artifact) -> None:
    serving(engine, sealed, "worlds")
    assert inside(engine, "stat", "-c", "%U:%a", "/var/lib/critter").strip() == "critter:755"
    too_much = "dd if=/dev/zero of=/var/lib/critter/big bs=1M count=80 2>&1; rm /var/lib/critter/big"
    assert "No space left" in inside(engine, "sh", "-c", too_much)
    inside(engine, "sh", "-c", "echo fox >/var/lib/critter/critters; chmod 711 /var/lib/critter")
    engine.delete_machine(NAME)
    assert engine.list_disks()[0].writer is None
    assert not _mounted(engine)
    serving(engine, sealed, "worlds")
    assert inside(engine, "cat", "/var/lib/critter/critters") == "fox\n"
    assert inside(engine, "stat", "-c", "%U:%a", "/var/lib/critter").strip() == "critter:711", "it isn't fresh any more"


def test_a_host_without_loop_devices_has_folders_for_disks(
    engine: ContainerEngine, sealed: Artifact, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stoneware.engines.container.disks.loops_work", lambda: False)
    monkeypatch.setattr("stoneware.engines.container.checks.loops_work", lambda: False)
    assert [f for f in engine.check() if f.level == "warn" and "not enforced" in f.text]
    serving(engine, sealed, "worlds")
    assert inside(engine, "stat", "-c", "%U:%a", "/var/lib/critter").strip() == "critter:755"
    inside(engine, "sh", "-c", "echo fox >/var/lib/critter/critters")
    engine.delete_machine(NAME)
    assert not _mounted(engine)
    serving(engine, sealed, "worlds")
    assert inside(engine, "cat", "/var/lib/critter/critters") == "fox\n"


def test_the_digest_is_what_podman_runs_whatever_the_record_says(
    engine: ContainerEngine, sealed: Artifact, plain: Artifact
) -> None:
    serving(engine, sealed)
    assert seen(engine).digest == sealed.manifest.digest
    engine.publish_image(plain)
    other = engine.images.get(plain.manifest.digest).reference
    engine.podman.run("rm", "--force", "--time", "0", NAME)
    engine.podman.run("create", "--name", NAME, "--network", "none", other)
    assert seen(engine).digest == plain.manifest.digest
    with pytest.raises(Refused, match=NAME):
        engine.delete_image(sealed.manifest.digest)


def test_an_image_is_published_once_and_deleted_whole(engine: ContainerEngine, sealed: Artifact) -> None:
    digest = sealed.manifest.digest
    twin = Artifact(folder=sealed.folder, manifest=sealed.manifest.model_copy(update={"kernel_version": "6.2"}))
    for artifact in (sealed, sealed, twin):
        engine.publish_image(artifact)
    image = engine.images.get(digest)
    assert engine.images.get(twin.manifest.digest).image_id == image.image_id
    engine.delete_image(digest)
    engine.delete_image(digest)
    names = {
        name for one in json.loads(engine.podman.run("images", "--format", "json")) for name in one.get("Names", [])
    }
    assert image.reference not in names
    assert engine.images.get(twin.manifest.digest).reference in names
    engine.create_machine(wanted(twin))
    with pytest.raises(Refused, match="isn't published"):
        engine.create_machine(wanted(sealed, name="town-web-r1-1"))


def test_a_layout_that_was_changed_is_refused(engine: ContainerEngine, sealed: Artifact, tmp_path: Path) -> None:
    manifest = sealed.manifest.model_copy(update={"kernel_version": "6.3"})
    changed = Artifact(folder=tmp_path, manifest=manifest)
    shutil.copytree(sealed.folder / "oci", tmp_path / "oci")
    named = json.loads((tmp_path / "oci" / "index.json").read_text())["manifests"][0]["digest"].removeprefix("sha256:")
    described = json.loads((tmp_path / "oci" / "blobs" / "sha256" / named).read_text())
    for blob in (described["config"]["digest"], named):
        path = tmp_path / "oci" / "blobs" / "sha256" / blob.removeprefix("sha256:")
        whole = path.read_bytes()
        path.write_bytes(whole.replace(b"sha256", b"sha257", 1))
        with pytest.raises(Refused):
            engine.publish_image(changed)
        path.write_bytes(whole)
    engine.publish_image(changed)


def test_after_the_host_was_started_again_what_ran_is_gone_and_what_waited_waits(
    home: Home, engine: ContainerEngine, sealed: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = serving(engine, sealed)
    waiting = wanted(sealed, "worlds", name="town-web-r1-1")
    engine.create_disk(WantedDisk(name="worlds", owner="town", size_bytes=64 * MIB))
    engine.create_machine(waiting)
    container = engine.podman.containers([NAME])[NAME]
    os.kill(container.pid, signal.SIGKILL)
    until(lambda: container.settled and seen(engine).power is Power.GONE, "it never died")
    for mount in mounts_below(engine.podman.folder / "store"):
        run(["umount", mount], timeout_s=30)
    boot_id = tmp_path / "boot_id"
    boot_id.write_text("another boot\n")
    monkeypatch.setattr("stoneware.engines.container.podman.BOOT_ID", boot_id)
    again = container_engine(home)
    assert (seen(again).power, seen(again, waiting.name).phase) == (Power.GONE, Phase.WAITING)
    again.start_machine(NAME)
    until(lambda: seen(again).phase is Phase.SERVING, "it never came back")
    assert seen(again).addresses == before.addresses
    again.attach_disk("worlds", waiting.name)
    until(lambda: seen(again, waiting.name).phase is Phase.SERVING, "the other never served")


def test_a_machine_whose_end_podman_never_heard_of_starts_again(engine: ContainerEngine, sealed: Artifact) -> None:
    before = serving(engine, sealed)
    container = engine.podman.containers([NAME])[NAME]
    os.kill(int(container.helper.read_text()), signal.SIGKILL)  # conmon, who would have told
    assert seen(engine).phase is Phase.SERVING
    os.kill(container.pid, signal.SIGKILL)
    until(lambda: seen(engine).power is Power.GONE, "it never died")
    engine.start_machine(NAME)
    until(lambda: seen(engine).phase is Phase.SERVING, "it never came back")
    assert seen(engine).addresses == before.addresses
    assert _answers(seen(engine))


def test_an_application_that_does_not_stop_is_ended_by_force(engine: ContainerEngine, plain: Artifact) -> None:
    machine = serving(engine, plain)  # python3 as PID 1 takes no notice of SIGTERM
    until(lambda: _answers(machine), "it never answered")
    engine.stop_machine(NAME)
    time.sleep(0.3)
    assert seen(engine).power is Power.RUNNING
    end_by_force(engine)


def _answers(machine: Machine) -> bool:
    try:
        return fetch(machine, "/version").strip() == "1"
    except OSError:
        return False


def _mounted(engine: ContainerEngine) -> bool:
    return str(engine.disks.mounts) in Path("/proc/self/mountinfo").read_text()
