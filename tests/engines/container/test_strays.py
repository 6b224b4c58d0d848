"""Containers that no record speaks of are found in the store's own list."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from stoneware.engines.container.images import ImageStore, reference
from stoneware.engines.container.podman import Podman
from stoneware.engines.container.strays import names_in_store
from stoneware.errors import Unreachable
from stoneware.host.home import Home


@pytest.fixture
def podman(tmp_path: Path) -> Podman:
    return Podman(Home(tmp_path))


def write(podman: Podman, text: str, kind: str = "containers") -> None:
    folder = podman.folder / "store" / f"overlay-{kind}"
    folder.mkdir(parents=True)
    (folder / f"{kind}.json").write_text(text)


def test_a_store_without_a_list_has_no_containers(podman: Podman) -> None:
    assert names_in_store(podman) == set()


def test_everybody_in_the_list_has_a_name_or_a_number(podman: Podman) -> None:
    write(podman, json.dumps([{"id": "a", "names": ["mine"]}, {"id": "b", "names": ["theirs"]}, {"id": "c"}]))
    assert names_in_store(podman) == {"mine", "theirs", "c"}


def test_a_list_that_cannot_be_read_is_said_to_be(podman: Podman) -> None:
    write(podman, "{")
    with pytest.raises(Unreachable, match="list of containers"):
        names_in_store(podman)


def test_of_an_image_a_record_is_left_or_a_name(podman: Podman) -> None:
    store = ImageStore(podman)
    assert store.digests() == set()
    loaded, cut_short = (f"sha256:{digit * 64}" for digit in "12")
    store.path.mkdir(parents=True)
    (store.path / f"{'1' * 64}.json").touch()
    names = [reference(cut_short), "localhost/oci:latest", "docker.io/library/debian:12"]
    write(podman, json.dumps([{"id": "a", "names": names}, {"id": "b"}]), "images")
    assert store.digests() == {loaded, cut_short}
