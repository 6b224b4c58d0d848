"""Steps of a commit's recipe get outside and to nothing that is on this host: not to other bakes, steps of builds, or machines."""

from __future__ import annotations

import contextlib
import ipaddress
import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.tiny import busybox

from stoneware.bake import leftovers
from stoneware.bake.own_network import NAMESPACES, POOL, free_net, name_of, own_network, remove_network, ways_out
from stoneware.host.home import Home
from stoneware.host.run import run

HEAD = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n"
DEFAULT = "br0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"


def route(net: str) -> str:
    of = ipaddress.IPv4Network(net)
    target, mask = (int.from_bytes(one.packed, "little") for one in (of.network_address, of.netmask))
    return f"x\t{target:08X}\t00000000\t0001\t0\t0\t0\t{mask:08X}\t0\t0\t0\n"


def test_addresses_are_those_that_nothing_leads_to() -> None:
    assert str(free_net(HEAD + DEFAULT)) == "198.18.0.0/30"
    assert str(free_net(HEAD + route("198.18.0.0/30") + route("198.18.0.8/30"))) == "198.18.0.4/30"
    assert str(free_net(HEAD + route("198.18.0.0/16"))) == "198.19.0.0/30"
    with pytest.raises(Exception, match="in use"):
        free_net(HEAD + route(str(POOL)))


def test_the_outside_is_behind_what_is_no_line_to_something_here() -> None:
    kinds = {"br0": "bridge", "podman0": "bridge", "veth1": "veth", "sk1": "veth", "wg0": "wireguard", "bond0": "bond"}
    links = [{"ifname": name, "linkinfo": {"info_kind": kind}} for name, kind in kinds.items()]
    links += [{"ifname": "lo", "link_type": "loopback"}, {"ifname": "eth0", "link_type": "ether"}]
    links += [{"ifname": "eth1", "link_type": "ether", "master": "br0"}]
    links += [
        {"ifname": f"t{kind}", "linkinfo": {"info_kind": "tun", "info_data": {"type": kind}}} for kind in ("tun", "tap")
    ]
    assert ways_out(links, HEAD + DEFAULT) == ["br0", "wg0", "bond0", "eth0", "ttun"]


@pytest.fixture
def stranger() -> Iterator[tuple[str, str]]:
    """A namespace on a bridge of this host, which podman's rules let everybody reach, and its address."""
    words = """netns add swtest
        link add swtest0 type bridge
        addr add 198.51.100.1/24 dev swtest0
        link set swtest0 up
        link add swtest1 type veth peer name eth0 netns swtest
        link set swtest1 master swtest0 up
        -n swtest addr add 198.51.100.2/24 dev eth0
        -n swtest link set eth0 up
        -n swtest link set lo up
        -n swtest route add default via 198.51.100.1"""
    rules = [["FORWARD", side, "198.51.100.0/24", "-j", "ACCEPT"] for side in ("-s", "-d")]
    try:
        for line in words.splitlines():
            run(["ip", *line.split()])
        for rule in rules:
            run(["iptables", "--wait", "-I", *rule])
        yield "swtest", "198.51.100.2"
    finally:
        for rule in rules:
            run(["iptables", "--wait", "-D", *rule], ok=(0, 1))
        run(["ip", "link", "del", "swtest0"], ok=(0, 1))
        run(["ip", "netns", "del", "swtest"], ok=(0, 1))


@contextlib.contextmanager
def listening(namespace: str, port: int) -> Iterator[None]:
    """Something in a namespace that answers everybody."""
    words = ["ip", "netns", "exec", namespace, busybox(), "nc", "-ll", "-p", str(port), "-e", "/bin/echo", "hello"]
    with subprocess.Popen(words) as server:
        try:
            until = time.monotonic() + 10
            while not reaches(namespace, "127.0.0.1", port):
                assert time.monotonic() < until, "the test itself doesn't work"
                time.sleep(0.02)
            yield
        finally:
            server.kill()


def reaches(namespace: str, address: str, port: int) -> bool:
    words = ["ip", "netns", "exec", namespace, busybox(), "timeout", "2", busybox(), "nc", address, str(port)]
    return "hello" in run(words, ok=(0, 1, -15)).stdout


def address_of(namespace: str) -> str:
    [line] = json.loads(run(["ip", "-n", namespace, "-j", "-4", "addr", "show", "eth0"]).stdout)
    return str(line["addr_info"][0]["local"])


def rules() -> str:
    return "".join(run(["iptables", "--wait", "-t", table, "-S"]).stdout for table in ("mangle", "filter", "nat"))


@pytest.mark.host
def test_bakes_do_not_reach_each_other_nor_what_is_on_a_bridge(tmp_path: Path, stranger: tuple[str, str]) -> None:
    other, address = stranger
    with own_network(tmp_path / "a"), own_network(tmp_path / "b"):
        one, two = name_of(tmp_path / "a"), name_of(tmp_path / "b")
        with listening(one, 7001), listening(other, 7001), listening(two, 7001):
            for name in (one, two):
                assert not reaches(name, address, 7001)
                assert not reaches(other, address_of(name), 7001)
            assert not reaches(one, address_of(two), 7001)
            assert not reaches(two, address_of(one), 7001)
            run(["ip", "netns", "exec", other, busybox(), "ping", "-c1", "-W2", "198.51.100.1"])


@pytest.mark.host
def test_the_host_is_not_reached_at_its_loopback_and_is_at_its_address(tmp_path: Path) -> None:
    met: list[str] = []
    with own_network(tmp_path / "a"), socket.create_server(("", 0)) as server:
        server.settimeout(10)

        def answer() -> None:
            line, (peer, _) = server.accept()
            met.append(peer)
            line.sendall(b"hello\n")
            line.close()

        thread = threading.Thread(target=answer)
        thread.start()
        name, port = name_of(tmp_path / "a"), server.getsockname()[1]
        assert not reaches(name, "127.0.0.1", port)
        gateway = json.loads(run(["ip", "-n", name, "-j", "route", "show", "default"]).stdout)[0]["gateway"]
        assert reaches(name, gateway, port)
        thread.join()
        assert met == [address_of(name)]


@pytest.mark.host
def test_what_may_pass_is_the_way_outside(tmp_path: Path) -> None:
    with own_network(tmp_path / "a"):
        name = name_of(tmp_path / "a")
        chain = run(["iptables", "--wait", "-t", "mangle", "-S", name]).stdout
        ways = json.loads(run(["ip", "-j", "route", "show", "default"]).stdout)
        assert all(f"-i {name} -o {way['dev']} -j RETURN" in chain for way in ways)
        assert chain.strip().endswith("-j DROP")


@pytest.mark.host
def test_nothing_of_it_stays(tmp_path: Path) -> None:
    before = rules()
    with own_network(tmp_path / "a"):
        assert name_of(tmp_path / "a") in rules()
    assert name_of(tmp_path / "a") not in rules()
    assert sorted(rules().splitlines()) == sorted(before.splitlines())
    assert not (NAMESPACES / name_of(tmp_path / "a")).exists()
    remove_network(tmp_path / "a")


@pytest.mark.host
def test_what_a_killed_bake_left_is_found(home: Home) -> None:
    folder = home.build / "work" / "dead"
    folder.mkdir(parents=True)
    (folder / "owner").write_text("1 0")
    code = "import os, pathlib; from stoneware.bake.own_network import own_network\n"
    code += f"with own_network(pathlib.Path({str(folder)!r})): os._exit(0)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
    name = name_of(folder)
    assert (NAMESPACES / name).exists()
    assert name in rules()
    assert leftovers.clean_leftovers(home) == ["dead"]
    assert not (NAMESPACES / name).exists()
    assert name not in rules()
