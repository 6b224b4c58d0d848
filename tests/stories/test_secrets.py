"""A secret reaches the program of a machine, by releases that pin it; and the value is nowhere else, wherever one looks."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.foundry import Foundry
from tests.support.plain import write_plain
from tests.support.town import Town, open_town

from stoneware.host.probe import ask
from stoneware.model.probe import HttpProbe

FIRST, SECOND = "otters-7f3a-and-badgers", "voles-91bc-and-weasels"
DECLARED = """\
images:
  plain:
    deliver: [DELIVERY]
    test:
      - http: { port: 8080, path: /state, body: without }
deployments:
  safe:
    engine: ENGINE
    groups:
      web:
        image: plain
        machine: { memory: 256MiB }
        secrets: { DB_PASSWORD: db-password, TLS_KEY: tls-key }
        health: { http: { port: 8080, path: /state }, healthy_for: 1s }
        rollout: { bake_time: 0s, drain: 0s }
    services:
      web: { group: web, port: 8080, listen: "127.0.0.1:PORT" }
"""
SERVE = """\
b=/bin/busybox
$b mkdir -p /tmp/www
if cd /run/secrets 2>/dev/null; then
    $b sha256sum DB_PASSWORD TLS_KEY
    $b stat -c '%n is %a of %u:%g' . DB_PASSWORD TLS_KEY
    $b grep ' /run/secrets ' /proc/mounts
    if $b touch NEW 2>/dev/null; then echo "anybody can write there"; fi
else
    echo without
fi >/tmp/www/state
$b echo end >>/tmp/www/state
exec $b httpd -f -p 8080 -h /tmp/www
"""
KEY = b"k\0" * 32768


@pytest.fixture(
    params=[
        pytest.param("container", marks=pytest.mark.host),
        pytest.param("qemu", marks=pytest.mark.vm),
    ]
)
def town(request: pytest.FixtureRequest, foundry: Foundry, tmp_path: Path) -> Iterator[Town]:
    town = open_town(tmp_path / "town", foundry, request.param)
    text = DECLARED.replace("PORT", str(town.port)).replace("ENGINE", request.param)
    write_plain(town.repository, text.replace("DELIVERY", "container" if request.param == "container" else "vm"))
    (town.repository / "serve").write_text(SERVE)
    try:
        yield town
    finally:
        town.strike()


def put(town: Town, name: str, value: bytes) -> None:
    """Sets a secret from a file that doesn't stay."""
    file = town.folder / "value"
    file.write_bytes(value)
    town.cli("secret", "set", name, "--file", str(file))
    file.unlink()


def digest(value: bytes, name: str) -> str:
    return f"{hashlib.sha256(value).hexdigest()}  {name}"


def state(town: Town, *lines: str) -> None:
    """The program says each of these of its secrets."""
    for line in lines:
        answer = ask(HttpProbe(port=town.port, path="/state", body=line), f"127.0.0.1:{town.port}", 10.0)
        assert answer.ok, f"{line}: {answer.detail}"


def forms(value: str) -> list[bytes]:
    return [value.encode(), base64.b64encode(value.encode()), value.encode().hex().encode()]


def holding(folder: Path) -> str:
    """Files below a folder that have one of the values in them; the words of the search are no argument either."""
    patterns = b"\n".join(form for value in (FIRST, SECOND) for form in forms(value))
    ended = subprocess.run(["grep", "-rlaF", "-f", "-", folder], input=patterns, check=False, capture_output=True)
    return ended.stdout.decode()


def seen_of_processes() -> bytes:
    """What every process of this host shows of itself to root."""
    shown = b""
    for process in Path("/proc").glob("[0-9]*"):
        for name in ("cmdline", "environ"):
            with contextlib.suppress(OSError):
                shown += (process / name).read_bytes()
    return shown


def test_a_secret_reaches_the_program_and_nothing_else(town: Town) -> None:
    town.cli("bake", "plain")
    put(town, "db-password", FIRST.encode())
    put(town, "tls-key", KEY)
    town.cli("deploy", "safe", "--yes")
    state(town, digest(FIRST.encode(), "DB_PASSWORD"), digest(KEY, "TLS_KEY"), ". is 755 of 0:0")
    state(town, "DB_PASSWORD is 400 of 33:33", "TLS_KEY is 400 of 33:33", "tmpfs", "end")
    for bad in ("anybody can write there", "without"):
        assert not ask(HttpProbe(port=town.port, path="/state", body=bad), f"127.0.0.1:{town.port}", 10.0).ok
    put(town, "db-password", SECOND.encode())
    assert "secret DB_PASSWORD: db-password/1 -> db-password/2" in town.cli("plan", "safe").stdout
    town.cli("deploy", "safe", "--yes")
    state(town, digest(SECOND.encode(), "DB_PASSWORD"))
    assert "safe#2 pins db-password/2" in town.cli("secret", "delete", "db-password", "--yes", ok=(1,)).stderr
    town.cli("rollback", "safe", "--yes")
    state(town, digest(FIRST.encode(), "DB_PASSWORD"))
    town.kill_daemon()
    town.serve()
    assert [machine["phase"] for machine in town.json("machine", "list") if machine["power"] == "RUNNING"] == [
        "SERVING"
    ]
    for folder in (town.home, Path("/run/stoneware")):
        assert holding(folder) == ""
    processes = seen_of_processes()
    answers = "".join(
        town.cli(*words, "--json").stdout for words in (["ledger", "show"], ["machine", "list"], ["status"])
    )
    for value in (FIRST, SECOND):
        for form in forms(value):
            assert form not in processes
            assert form.decode() not in answers
    (town.home / "proof").write_text(FIRST)
    assert holding(town.home).strip() == str(town.home / "proof"), "the search finds what is there"
