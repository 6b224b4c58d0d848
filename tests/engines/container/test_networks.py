"""Bridges and addresses: derived from the home, away from what the host uses, each machine's its own."""

from __future__ import annotations

import hashlib
import ipaddress
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stoneware.engines.container.networks import POOL, Network, choose_networks, mac_address, routed_subnets
from stoneware.errors import Refused

keys = st.text(min_size=1).map(lambda text: hashlib.sha256(text.encode()).hexdigest())


@given(keys)
def test_both_bridges_lie_in_the_pool_and_apart(key: str) -> None:
    chosen = choose_networks(key, [])
    subnets = [ipaddress.IPv4Network(network.subnet) for network in (chosen.open, chosen.closed)]
    assert all(subnet.subnet_of(POOL) for subnet in subnets)
    assert not subnets[0].overlaps(subnets[1])
    assert chosen.open.name != chosen.closed.name
    assert all(len(network.interface) <= 15 for network in (chosen.open, chosen.closed)), "IFNAMSIZ"
    assert (chosen.of(isolated=False), chosen.of(isolated=True)) == (chosen.open, chosen.closed)
    assert choose_networks(key, []) == chosen


@given(keys)
def test_a_subnet_that_the_host_uses_is_left_alone(key: str) -> None:
    first = choose_networks(key, [])
    used = [ipaddress.IPv4Network(first.closed.subnet)]
    second = choose_networks(key, used)
    assert not any(ipaddress.IPv4Network(one.subnet).overlaps(used[0]) for one in (second.open, second.closed))


def test_a_host_that_uses_the_whole_pool_is_told_so() -> None:
    with pytest.raises(Refused, match="in use"):
        choose_networks("0", [POOL])


def test_addresses_are_given_once_and_not_at_once_again() -> None:
    small = Network(name="n", interface="i", subnet="10.64.0.0/29", internal=True)
    taken: set[str] = set()
    for number in range(5):
        taken.add(small.address(taken, f"machine-{number}"))
    assert taken == {f"10.64.0.{last}" for last in range(2, 7)}
    with pytest.raises(Refused, match="no address is free"):
        small.address(taken, "one-more")
    large = Network(name="n", interface="i", subnet="10.64.0.0/20", internal=True)
    assert large.address(set(), "town-web-r1-0") != large.address(set(), "town-web-r2-0")


def test_what_podman_reads_says_what_was_chosen() -> None:
    network = Network(name="stoneware-1-closed", interface="sc1", subnet="10.64.16.0/20", internal=True)
    told = json.loads(network.description())
    assert (told["name"], told["network_interface"], told["internal"]) == ("stoneware-1-closed", "sc1", True)
    assert told["subnets"] == [{"subnet": "10.64.16.0/20", "gateway": "10.64.16.1"}]
    assert told["dns_enabled"] is False
    assert mac_address("10.64.0.9") == "0a:58:0a:40:00:09"


def test_this_hosts_routes_can_be_read() -> None:
    assert all(subnet.prefixlen > 0 for subnet in routed_subnets())
