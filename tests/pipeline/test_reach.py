"""What a step can't reach: the host, the daemon, the keys of the home, other builds."""

from __future__ import annotations

import os
import socket
import threading
from pathlib import Path

import pytest
from tests.pipeline.conftest import Shop
from tests.support.building import spec, step

from stoneware.model.build import BuildStatus

pytestmark = pytest.mark.host
MOUNTS = 'while read -r line; do echo "mount $line"; done </proc/self/mountinfo'


def test_only_the_workspace_and_the_home_of_the_build_are_mounted(shop: Shop) -> None:
    view = shop.run(spec(step("look", MOUNTS)))
    log = shop.log(view.id)
    fields = [line.split("mount ")[1].split() for line in log.splitlines() if "mount " in line]
    ours = {where for _, _, _, what, where, *_ in fields if f"/builds/{view.id}/" in what}
    assert ours == {"/workspace", "/builder/home", "/builder/scripts/0"}
    others = {where for _, _, _, what, where, *_ in fields if where not in ours}
    places = ("/", "/dev", "/proc", "/sys", "/etc", "/run/.containerenv")
    assert not [
        where for where in others if where not in places and not where.startswith(tuple(f"{p}/" for p in places[1:]))
    ]
    for hidden in ("stoneware.sock", "signing-key", "secret-key", "stoneware.db"):
        assert hidden not in log


def test_the_daemon_the_keys_and_other_builds_are_not_there(shop: Shop) -> None:
    other = shop.begin(spec(step("other", "echo secret >/workspace/secret; echo ready; sleep 60")))
    shop.wait_for_log(other, "ready")
    root = shop.home.root
    tries = [f"{root}/stoneware.sock", f"{root}/signing-key.pem", f"{root}", f"{root}/builds/{other}/workspace/secret"]
    tries += ["/var/run/dock''er.sock", "/run/podman/podman.sock", "/run/stoneware"]
    looks = "\n".join(f"if [ -e {path} ]; then echo REACHED {path}; fi" for path in tries)
    view = shop.run(spec(step("look", f"{looks}\necho looked")), allowed=("network",))
    assert view.status is BuildStatus.SUCCESS and "looked" in shop.log(view.id)
    assert "REACHED" not in shop.log(view.id)


def test_rights_are_few(shop: Shop) -> None:
    view = shop.run(spec(step("look", "grep -E '^(CapEff|NoNewPrivs)' /proc/self/status; ps ax 2>/dev/null; ls /dev")))
    log = shop.log(view.id)
    assert "NoNewPrivs:\t1" in log
    effective = int(log.split("CapEff:")[1].split()[0], 16)
    forbidden = {
        "SYS_ADMIN": 21,
        "SYS_PTRACE": 19,
        "SYS_MODULE": 16,
        "NET_ADMIN": 12,
        "NET_RAW": 13,
        "DAC_READ_SEARCH": 2,
    }
    assert not [name for name, bit in forbidden.items() if effective >> bit & 1]
    assert not [line for line in log.splitlines() if line.endswith((": kmsg", ": mem", ": sda"))]


def test_a_step_is_ended_before_the_host_s_own_when_memory_runs_out(shop: Shop) -> None:
    look = "echo score $(cat /proc/self/oom_score_adj)"
    view = shop.run(spec(step("look", look)))
    assert view.status is BuildStatus.SUCCESS
    told = [line.rpartition(" ")[2] for line in shop.log(view.id).splitlines() if "score" in line]
    assert told == ["1000"]


def test_a_step_is_told_no_proxy_of_the_hosts(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTPS_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "http://ann:secret@127.0.0.1:9")
    view = shop.run(spec(step("look", "env")), allowed=("network",))
    assert "HOME=/builder/home" in shop.log(view.id) and "secret" not in shop.log(view.id)


def test_without_the_right_to_the_network_there_is_none(shop: Shop) -> None:
    view = shop.run(spec(step("look", "ls /sys/class/net")))
    assert [line.split(": ")[1] for line in shop.log(view.id).splitlines() if line.startswith("Step #0")] == ["lo"]


def test_builds_with_a_network_do_not_reach_each_other(shop: Shop) -> None:
    one, two = (shop.begin(spec(step(name, "echo up; sleep 60")), allowed=("network",)) for name in "ab")
    for build in (one, two):
        shop.wait_for_log(build, "up")
    pids = [shop.podman.containers([f"{build}-0"])[f"{build}-0"].pid for build in (one, two)]
    address = _in_network_of(pids[0], _own_address)
    server, port = _in_network_of(pids[0], lambda: _listen(address))
    try:
        assert _in_network_of(pids[0], lambda: _reaches(address, port)), "the test itself doesn't work"
        assert not _in_network_of(pids[1], lambda: _reaches(address, port))
    finally:
        server.close()


def _in_network_of(pid: int, act):  # type: ignore[no-untyped-def]
    """What `act` finds in the network namespace of a process (setns(2) is for the thread that calls it alone)."""
    found = []

    def inside() -> None:
        import ctypes

        with Path(f"/proc/{pid}/ns/net").open() as handle:
            assert ctypes.CDLL(None, use_errno=True).setns(handle.fileno(), 0x40000000) == 0, os.strerror(
                ctypes.get_errno()
            )
        found.append(act())

    thread = threading.Thread(target=inside)
    thread.start()
    thread.join(30)
    return found[0]


def _own_address() -> str:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
        line.connect(("192.0.2.1", 9))
        return str(line.getsockname()[0])


def _listen(address: str) -> tuple[socket.socket, int]:
    server = socket.create_server((address, 0))
    return server, server.getsockname()[1]


def _reaches(address: str, port: int) -> bool:
    try:
        socket.create_connection((address, port), timeout=2).close()
    except OSError:
        return False
    return True
