"""A damaged image comes back whole when it is sealed again, under the same digest. What is only shared is linked unread."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from stoneware.bake import blobs as storing
from stoneware.bake import seal as sealing
from stoneware.bake.blobs import Blobs
from stoneware.bake.built import Built, BuiltLayer
from stoneware.bake.verify import is_whole, verify
from stoneware.bake.workspace import Workspace
from stoneware.errors import Refused
from stoneware.host.home import Home
from stoneware.model.image import Artifact, Recipe

BIG = 9 * 2**20
"""A layer of this size stays by itself."""

Seal = Callable[[], Artifact]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    home.prepare()
    return home


@pytest.fixture
def mended() -> list[str]:
    return []


@pytest.fixture
def layers(tmp_path: Path) -> list[BuiltLayer]:
    """A large one, and a small one over it."""
    found = []
    for number, size in enumerate((BIG, 5)):
        folder = tmp_path / "built" / str(number)
        (folder / "srv").mkdir(parents=True)
        (folder / "srv" / f"file-{number}").write_bytes(bytes([number]) * size)
        found.append(BuiltLayer(f"sha256:{number:064x}", folder))
    return found


@pytest.fixture
def seal(
    tmp_path: Path, home: Home, layers: list[BuiltLayer], mended: list[str], monkeypatch: pytest.MonkeyPatch
) -> Seal:
    """Seals what buildah would have built of these layers."""

    @contextlib.contextmanager
    def opened(*_: object) -> Iterator[Built]:
        tree = tmp_path / "tree"
        shutil.rmtree(tree, ignore_errors=True)
        for layer in layers:
            shutil.copytree(layer.folder, tree, dirs_exist_ok=True)
        yield Built(tree, tuple(layers), {"Cmd": ["/srv/file-0"]})

    monkeypatch.setattr(sealing, "opened", opened)

    def run() -> Artifact:
        shutil.rmtree(home.build / "work", ignore_errors=True)
        (home.build / "work" / "test").mkdir(parents=True)
        space = Workspace(home, home.build / "work" / "test", lambda _: None)
        return sealing.seal(
            space,
            "image",
            family="web",
            recipe=Recipe(containerfile="Containerfile", containerfile_sha256="0" * 64),
            pack=None,
            writable=(),
            deliver=("container",),
            mended=lambda: mended.append("mended"),
        )

    return run


def flip(file: Path) -> None:
    """One bit, where it lies: all links to the file have it."""
    file.chmod(0o644)
    with file.open("r+b") as handle:
        handle.seek(100)
        [byte] = handle.read(1)
        handle.seek(100)
        handle.write(bytes([byte ^ 1]))


def archive_of(artifact: Artifact) -> Path:
    return max((artifact.oci / "blobs" / "sha256").iterdir(), key=lambda path: path.stat().st_size)


@pytest.mark.parametrize(
    "damaged",
    [
        lambda artifact: artifact.file("layer-1"),
        lambda artifact: artifact.file("listing-1"),
        lambda artifact: artifact.file("sbom"),
        archive_of,
        lambda artifact: artifact.folder / "manifest.json",
    ],
    ids=["layer", "listing", "sbom", "container", "manifest"],
)
def test_a_flipped_bit_is_gone_after_the_next_bake(
    damaged: Callable[[Artifact], Path], seal: Seal, home: Home, mended: list[str]
) -> None:
    first = seal()
    (first.folder / "provenance.dsse.json").write_text("stated")
    flip(damaged(first))
    assert not is_whole(first.folder, first.manifest)
    again = seal()
    assert again == first
    assert mended == ["mended"]
    verify(home.images, first.manifest.digest)
    assert (again.folder / "provenance.dsse.json").read_text() == "stated"
    assert seal() == first
    assert mended == ["mended"]


def test_an_image_that_is_whole_stays_as_it_is(seal: Seal, mended: list[str]) -> None:
    first = seal()
    before = first.folder.stat().st_ino
    assert seal().folder.stat().st_ino == before
    assert mended == []


def test_a_layer_that_another_image_has_is_not_read_for_the_next_one(
    seal: Seal, layers: list[BuiltLayer], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, read = seal(), []
    honest = storing.sha256_of
    monkeypatch.setattr(storing, "sha256_of", lambda path: read.append(path.name) or honest(path))  # type: ignore[func-returns-value]
    (layers[1].folder / "srv" / "file-1").write_bytes(b"other")
    layers[1] = BuiltLayer(f"sha256:{9:064x}", layers[1].folder)
    assert seal().manifest.digest != first.manifest.digest
    assert first.manifest.files["layer-0"].sha256 not in read


def test_what_is_rotten_is_forgotten_the_containers_layers_too(seal: Seal, home: Home) -> None:
    artifact = seal()
    flip(artifact.file("layer-0"))
    archive = archive_of(artifact)
    flip(archive)
    store = Blobs(home.images / "blobs")
    names = ["layer-0.img", str(archive.relative_to(artifact.folder))]
    assert store.drop_rotten(artifact.folder, artifact.manifest) == names
    assert store.drop_rotten(artifact.folder, artifact.manifest) == []


@pytest.mark.parametrize("part", ["layer-0", "container"])
def test_images_that_share_what_rotted_are_whole_again_with_the_one_that_is_baked(
    part: str, seal: Seal, home: Home, layers: list[BuiltLayer]
) -> None:
    first = seal()
    (layers[1].folder / "srv" / "file-1").write_bytes(b"other")
    layers[1] = BuiltLayer(f"sha256:{9:064x}", layers[1].folder)
    second = seal()
    flip(archive_of(second) if part == "container" else second.file(part))
    assert not is_whole(first.folder, first.manifest)
    assert seal() == second
    for artifact in (first, second):
        verify(home.images, artifact.manifest.digest)
    assert Blobs(home.images / "blobs").mend_images(home.images) == [], "there is nothing left to mend"


def test_a_new_image_is_no_better_than_the_layers_that_it_takes(
    seal: Seal, home: Home, layers: list[BuiltLayer]
) -> None:
    """It isn't read whole for that; but what a bake forgets when it finds it is made anew by the next, for all who have it."""
    first = seal()
    flip(first.file("layer-0"))
    (layers[1].folder / "srv" / "file-1").write_bytes(b"other")
    layers[1] = BuiltLayer(f"sha256:{9:064x}", layers[1].folder)
    second = seal()
    assert not is_whole(second.folder, second.manifest)
    store = Blobs(home.images / "blobs")
    assert store.drop_rotten(second.folder, second.manifest) == ["layer-0.img"]
    shutil.rmtree(second.folder)
    assert seal() == second
    for artifact in (first, second):
        verify(home.images, artifact.manifest.digest)


def test_a_link_is_no_file_of_an_image(seal: Seal, home: Home, tmp_path: Path) -> None:
    artifact = seal()
    elsewhere = tmp_path / "elsewhere"
    artifact.file("sbom").rename(elsewhere)
    artifact.file("sbom").symlink_to(elsewhere)
    with pytest.raises(Refused, match=r"sbom\.cdx\.json is missing"):
        verify(home.images, artifact.manifest.digest)
