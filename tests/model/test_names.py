"""Names are functions of what they name: the same again on every call, and readable back where that is promised."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stoneware.names import disk_name, disk_serial, fleet_name, image_name, machine_name, service_key, split_image_name

names = st.from_regex(r"[a-z][a-z0-9-]{0,39}", fullmatch=True)


@given(names, st.integers(1, 10**9))
def test_an_image_name_comes_back(family: str, number: int) -> None:
    assert split_image_name(image_name(family, number)) == (family, number)


@pytest.mark.parametrize("text", ["", "web", "web/", "web/0", "web/01", "web/-1", "Web/1", "web/1\n", "a/b/1", "/1"])
def test_what_is_no_image_name(text: str) -> None:
    assert split_image_name(text) is None


def test_what_names_look_like() -> None:
    assert fleet_name("town", "web", 3) == "town-web-r3"
    assert machine_name("town", "web", 3, 0) == "town-web-r3-0"
    assert disk_name("town", "web", "worlds", 1) == "town-web-worlds-1"
    assert service_key("town", "play") == "town.play"


@given(st.text(max_size=200))
def test_the_serial_number_of_a_disk_fits_into_virtio(disk: str) -> None:
    assert len(disk_serial(disk)) == 16 <= 20
    assert disk_serial(disk) == disk_serial(disk)
    assert disk_serial(disk) != disk_serial(f"{disk}x")
