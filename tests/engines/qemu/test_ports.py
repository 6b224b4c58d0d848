"""Host ports: from our range, free, and each given once."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stoneware.engines.qemu.ports import FIRST, LAST, choose_ports
from stoneware.errors import Refused

EVERYTHING = set(range(FIRST, LAST))
guests = st.lists(st.integers(1, 65535), unique=True, max_size=5)


@pytest.fixture
def busy() -> Iterator[int]:
    """A port of the range that someone else listens at."""
    with socket.socket() as listener:
        for port in range(LAST - 1, FIRST, -1):
            try:
                listener.bind(("127.0.0.1", port))
            except OSError:
                continue
            listener.listen()
            yield port
            return


@given(guests, st.integers(0, 2**32))
def test_each_guest_port_gets_a_port_of_its_own_in_the_range(ports: list[int], seed: int) -> None:
    chosen = choose_ports(ports, set(), seed)
    assert list(chosen) == ports
    assert len(set(chosen.values())) == len(ports)
    assert set(chosen.values()) <= EVERYTHING


def test_what_is_taken_or_busy_is_passed_over(busy: int) -> None:
    assert busy not in choose_ports([80, 443], set(), busy - FIRST).values()
    (first,) = choose_ports([80], set(), 5).values()
    assert first not in choose_ports([80], {first}, 5).values()


def test_when_one_is_left_nobody_gets_it_twice() -> None:
    (free,) = choose_ports([80], set(), 17).values()
    assert choose_ports([80], EVERYTHING - {free}, 0) == {80: free}
    with pytest.raises(Refused, match="no host port is free"):
        choose_ports([80, 443], EVERYTHING - {free}, 0)
