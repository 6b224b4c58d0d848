"""A lease as a machine without an engine takes it: address, way out, names; and nothing is taken away from what serves."""

from __future__ import annotations

import subprocess
from importlib.resources import files
from pathlib import Path

import pytest

STUB = """\
#!/bin/sh
echo "$*" >>{folder}/called
case "$*" in "ip -4 addr show"*) echo "    inet $HAS/24 scope global eth0" ;; esac
"""
LEASE = {
    "interface": "eth0",
    "ip": "10.1.2.3",
    "mask": "32",
    "router": "10.1.0.1 10.1.0.2",
    "dns": "10.1.0.53 10.1.0.54",
    "hostname": "web-1.zone.internal",
}


def told(folder: Path, word: str, has: str = "0.0.0.0", **changes: str) -> list[str]:
    """What the script does with a lease: the commands that it runs."""
    (folder / "bin").mkdir(exist_ok=True)
    busybox = folder / "bin" / "busybox"
    busybox.write_text(STUB.format(folder=folder))
    busybox.chmod(0o755)
    script = files("stoneware.bake.guest").joinpath("dhcp").read_text().replace("/run/stoneware", str(folder))
    words = {**LEASE, **changes, "HAS": has, "PATH": "/usr/bin:/bin"}
    subprocess.run(["sh", "-c", script, "dhcp", word], check=True, env=words)
    called = folder / "called"
    return called.read_text().splitlines() if called.exists() else []


def test_a_first_lease(tmp_path: Path) -> None:
    assert told(tmp_path, "bound") == [
        "ip -4 addr show dev eth0",
        "ip -4 addr flush dev eth0",
        "ip addr add 10.1.2.3/32 dev eth0",
        "ip route replace 10.1.0.1 dev eth0",
        "ip route replace default via 10.1.0.1 dev eth0",
    ]
    assert (tmp_path / "resolv.conf").read_text() == "nameserver 10.1.0.53\nnameserver 10.1.0.54\n"
    assert (tmp_path / "given-hostname").read_text() == "web-1\n"


def test_a_lease_of_the_same_address_leaves_it_where_it_is(tmp_path: Path) -> None:
    called = told(tmp_path, "renew", has="10.1.2.3")
    assert not [line for line in called if "flush" in line or "add 10" in line]


def test_resolv_conf_is_written_in_place(tmp_path: Path) -> None:
    (tmp_path / "resolv.conf").write_text("nameserver 1.2.3.4\n")
    before = (tmp_path / "resolv.conf").stat().st_ino
    told(tmp_path, "bound")
    assert (tmp_path / "resolv.conf").stat().st_ino == before


@pytest.mark.parametrize("word", ["deconfig", "leasefail", "nak"])
def test_bad_news_takes_nothing_away(word: str, tmp_path: Path) -> None:
    assert told(tmp_path, word) == []


def test_a_lease_without_a_name_or_a_way_out(tmp_path: Path) -> None:
    assert told(tmp_path, "bound", router="", dns="", hostname="")[-1] == "ip addr add 10.1.2.3/32 dev eth0"
    assert (tmp_path / "resolv.conf").read_text() == ""
    assert not (tmp_path / "given-hostname").exists()
