"""The run-time units: every link leads somewhere, nothing that the keeper needs is masked."""

from __future__ import annotations

import configparser
import posixpath

import pytest

from stoneware.bake.units import GENERATORS, MARKED, MASKED, unit_files, unit_links

FILES, LINKS = unit_files(), unit_links()


def test_every_link_leads_to_a_unit_of_ours_or_to_nothing() -> None:
    for path, target in LINKS.items():
        if target != "/dev/null":
            assert posixpath.normpath(posixpath.join(posixpath.dirname(path), target)) in FILES, path


def test_nothing_is_both_a_file_and_a_link() -> None:
    assert not set(FILES) & set(LINKS)


def test_nothing_is_named_twice() -> None:
    assert (len(set(MASKED)), len(set(GENERATORS))) == (len(MASKED), len(GENERATORS))


@pytest.mark.parametrize("path", FILES)
def test_a_unit_has_the_form_of_one(path: str) -> None:
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read_string(FILES[path])
    assert unit["Unit"]["Description"]
    assert "{" not in FILES[path]
    if path.endswith(".service"):
        assert unit["Service"]["ExecStart"].startswith("/run/stoneware/bin/")


@pytest.mark.parametrize("target", MARKED)
def test_each_marked_target_pulls_in_its_mark(target: str) -> None:
    unit = f"stoneware-at-{target}.service"
    assert LINKS[f"system/{target}.target.wants/{unit}"] == f"../{unit}"
    assert f"After={target}.target" in FILES[f"system/{unit}"]
    assert f"touch /run/stoneware/at-{target}" in FILES[f"system/{unit}"]


def test_what_a_machine_can_not_do_without_is_not_masked() -> None:
    assert not set(MASKED) & {
        "basic.target",
        "sysinit.target",
        "multi-user.target",
        "dbus.service",
        "systemd-journald.service",
        "systemd-tmpfiles-setup.service",
        "stoneware-keeper.service",
        "stoneware-wait.target",
    }
