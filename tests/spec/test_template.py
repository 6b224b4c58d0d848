"""What `init` writes works as it is, and never takes the place of something else."""

from __future__ import annotations

from pathlib import Path

import pytest

from stoneware.errors import BadInput, Conflict
from stoneware.spec.load import load
from stoneware.spec.template.files import NAMES, write_template


def test_what_it_writes_is_good(tmp_path: Path) -> None:
    written = write_template(tmp_path / "new" / "shop")
    assert [path.name for path in written] == list(NAMES)
    assert list(load(tmp_path / "new" / "shop").document.images) == ["hello"]


@pytest.mark.parametrize("name", NAMES)
def test_it_does_not_overwrite(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text("mine")
    with pytest.raises(Conflict, match=name):
        write_template(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == "mine"


@pytest.mark.parametrize("place", ["file", "file/inside"])
def test_a_folder_that_can_not_be_is_bad_input(place: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BadInput, match="can't be written to"):
        write_template(tmp_path / place)
