"""A container that was made and never started leaves nothing behind when it is removed."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from tests.pipeline.conftest import Shop
from tests.support.step_image import IMAGE

from stoneware.pipeline.monitors import end_monitors

pytestmark = pytest.mark.host


def _processes(word: str) -> list[str]:
    found = []
    for place in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            said = place.read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
        except OSError:
            continue
        found += [said] if word in said else []
    return found


def _all_gone(word: str) -> bool:
    """At last: podman's own clean-up after the end of a monitor takes a moment."""
    until = time.monotonic() + 20
    while _processes(word) and time.monotonic() < until:
        time.sleep(0.05)
    return not _processes(word)


def test_it_is_found_by_its_name_and_ended_with_what_it_watches(shop: Shop) -> None:
    for name in ("build-900-0", "build-901-0"):
        shop.podman.run("create", "--name", name, "--network", "none", IMAGE, "sleep", "600")
        shop.podman.run("init", name)
    identity = shop.podman.containers(["build-900-0"])["build-900-0"].id
    assert [one for one in _processes(identity) if "conmon" in one]
    end_monitors({"build-900-0"}, shop.podman.run_folder)
    assert _all_gone(identity)
    other = shop.podman.containers(["build-901-0"])["build-901-0"].id
    assert _processes(other)
    end_monitors({"build-901-0"}, Path("/run/stoneware/another-home"))
    assert _processes(other)
    end_monitors({"build-901-0"}, shop.podman.run_folder)
    shop.podman.run("rm", "--all", "--force", "--time", "0")
