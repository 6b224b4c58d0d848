"""Addresses as the kernel lists them."""

from __future__ import annotations

from stoneware.engines.container.addresses import local_addresses


def test_addresses_of_a_network() -> None:
    table = """Main:
  +-- 0.0.0.0/0 3 0 5
     |-- 0.0.0.0
        /0 universe UNICAST
     +-- 10.89.0.0/24 2 0 2
        |-- 10.89.0.0
           /24 link UNICAST
        |-- 10.89.0.2
           /32 host LOCAL
        |-- 10.89.0.255
           /32 link BROADCAST
     +-- 127.0.0.0/8 2 0 2
        |-- 127.0.0.1
           /32 host LOCAL
"""
    assert local_addresses(table.splitlines()) == {"10.89.0.2"}
