"""A finished file takes its name by one rename: never over what nobody said may go, and never half."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.moving.small import contents

from stoneware.errors import Refused
from stoneware.moving.placing import place, require_room_for_it, unfinished, withdraw


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "target"


@pytest.fixture
def part(target: Path) -> Path:
    return unfinished(target, "export-1", Path("/home"))


def layout(place: Path, content: str) -> Path:
    place.mkdir()
    (place / "oci-layout").write_text(content)
    return place


def test_its_hidden_name_belongs_to_one_operation_of_one_home(target: Path) -> None:
    names = {
        unfinished(target, operation, Path(home)) for operation in ("export-1", "export-2") for home in ("/a", "/b")
    }
    assert len(names) == 4
    assert all(name.parent == target.parent and name.name.startswith(".") for name in names)


def test_a_file_takes_its_name_once(part: Path, target: Path) -> None:
    part.write_text("new")
    place(part, target, force=False)
    place(part, target, force=False)  # the daemon died before it could say so
    assert contents(target.parent) == {"target": b"new"}


def test_died_between_its_two_names(part: Path, target: Path) -> None:
    part.write_text("new")
    target.hardlink_to(part)
    place(part, target, force=False)
    assert contents(target.parent) == {"target": b"new"}


def test_another_file_stays(part: Path, target: Path) -> None:
    part.write_text("new")
    target.write_text("old")
    with pytest.raises(Refused, match="is there already"):
        place(part, target, force=False)
    assert target.read_text() == "old"
    withdraw(part, target)
    assert contents(target.parent) == {"target": b"old"}


def test_force_replaces_a_file_and_a_link_but_not_what_it_leads_to(part: Path, target: Path, tmp_path: Path) -> None:
    part.write_text("new")
    (tmp_path / "elsewhere").write_text("old")
    target.symlink_to(tmp_path / "elsewhere")
    place(part, target, force=True)
    assert contents(tmp_path) == {"elsewhere": b"old", "target": b"new"}
    assert not target.is_symlink()


def test_a_folder_takes_the_place_of_an_empty_one(part: Path, target: Path) -> None:
    target.mkdir()
    place(layout(part, "new"), target, force=False)
    place(part, target, force=False)
    assert contents(target.parent) == {"target/oci-layout": b"new"}


def test_force_replaces_a_layout_and_no_other_folder(part: Path, target: Path) -> None:
    layout(target, "old")
    with pytest.raises(Refused, match="is there already"):
        place(layout(part, "new"), target, force=False)
    place(part, target, force=True)
    assert contents(target.parent) == {"target/oci-layout": b"new"}
    (target / "oci-layout").rename(target / "diary")
    with pytest.raises(Refused, match="is no OCI layout that could be replaced"):
        require_room_for_it(target, folder=True, force=True)


def test_died_when_the_old_folder_was_put_aside(part: Path, target: Path) -> None:
    layout(part, "new")
    layout(part.with_suffix(".old"), "old")
    withdraw(part, target)
    assert contents(target.parent) == {"target/oci-layout": b"old"}
    target.rename(part.with_suffix(".old"))
    place(layout(part, "new"), target, force=True)
    assert contents(target.parent) == {"target/oci-layout": b"new"}


def test_what_was_written_is_gone(part: Path, target: Path) -> None:
    with pytest.raises(Refused, match="is gone"):
        place(part, target, force=False)
