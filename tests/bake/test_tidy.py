"""What no image has goes after a day; what one has, or someone has just asked for, stays."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from stoneware.bake.blobs import Blobs
from stoneware.bake.tidy import tidy
from stoneware.model.image import SealedFile

ROOT, OTHER = "a" * 64, "b" * 64
KNOWN = {f"sha256:{'0123abcd' * 8}"}
"""The images of the catalog."""


@pytest.fixture
def images(tmp_path: Path) -> Path:
    images = tmp_path / "images"
    images.mkdir()
    return images


def store(images: Path, content: bytes) -> SealedFile:
    """A file in the store that no image has."""
    file = images / "fresh"
    file.write_bytes(content)
    return Blobs(images / "blobs").add(file, "fresh")


def image(images: Path, name: str, *files: SealedFile, root_hash: str = ROOT) -> Path:
    folder = images / (name * 8)
    folder.mkdir()
    for number, file in enumerate(files):
        Blobs(images / "blobs").link(file, folder / f"layer-{number}.img")
    (folder / "manifest.json").write_text(f'{{"layers":[{{"root_hash":"{root_hash}"}}]}}')
    return folder


def test_files_that_no_image_has_go_and_the_others_stay(images: Path) -> None:
    kept, left = store(images, b"kept"), store(images, b"left over")
    image(images, "0123abcd", kept)
    assert tidy(images, KNOWN, spare_s=-1.0) == len(b"left over")
    assert Blobs(images / "blobs").has(kept)
    assert not Blobs(images / "blobs").has(left)


def test_a_copy_that_was_cut_short_goes_too(images: Path) -> None:
    store(images, b"kept for a day")
    (images / "blobs" / ".tmp1234").write_bytes(b"half")
    assert tidy(images, KNOWN) == 0
    tidy(images, KNOWN, spare_s=-1.0)
    assert [path.name for path in (images / "blobs").iterdir()] == [".lock"]


def test_they_stay_a_day_for_who_is_about_to_link_them(images: Path) -> None:
    left = store(images, b"left over")
    assert tidy(images, KNOWN) == 0
    assert Blobs(images / "blobs").has(left)


def test_whoever_asks_for_a_file_keeps_it_from_the_sweep(images: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blobs, left = Blobs(images / "blobs"), store(images, b"left over")
    before = (blobs.path / left.sha256).stat()
    while (blobs.path / left.sha256).stat().st_ctime_ns == before.st_ctime_ns:
        assert blobs.has(left)
    after = (blobs.path / left.sha256).stat()
    assert after.st_mtime_ns == before.st_mtime_ns
    monkeypatch.setattr("time.time", lambda: (before.st_ctime + after.st_ctime) / 2 + 10.0)
    assert blobs.sweep(spare_s=10.0) == 0


def test_a_sweep_waits_for_who_has_just_found_a_file(images: Path) -> None:
    blobs, left = Blobs(images / "blobs"), store(images, b"left over")
    with blobs._nobody_sweeps():
        sweep = threading.Thread(target=blobs.sweep, args=(-1.0,))
        sweep.start()
        sweep.join(0.2)
        assert sweep.is_alive()
        assert (blobs.path / left.sha256).exists()
    sweep.join(10)
    assert not (blobs.path / left.sha256).exists()


def test_marks_of_layers_that_no_image_has_go(images: Path) -> None:
    image(images, "0123abcd", store(images, b"a layer"))
    for root_hash in (ROOT, OTHER):
        (images / f".{root_hash}.verified").write_text("seen")
    (images / ".other").write_text("not ours")
    tidy(images, KNOWN)
    assert sorted(path.name for path in images.glob(".*")) == [f".{ROOT}.verified", ".other"]


def test_a_store_without_anything_is_tidy(images: Path) -> None:
    assert tidy(images, KNOWN) == 0
    assert list(images.iterdir()) == []


def test_a_folder_that_no_catalog_knows_goes_after_its_time(images: Path) -> None:
    left = image(images, "dead0000", store(images, b"of nobody"))
    kept = image(images, "0123abcd", store(images, b"of an image"))
    tidy(images, KNOWN)
    assert left.exists(), "a bake may be about to tell the catalog"
    tidy(images, KNOWN, spare_s=-1.0)
    assert (left.exists(), kept.exists()) == (False, True)
