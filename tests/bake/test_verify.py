"""A stored image is what its name says, or it is refused with the first thing that is wrong."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from stoneware.bake.verify import load, verify
from stoneware.errors import NotFound, Refused
from stoneware.model.image import Artifact, Manifest, Recipe, SealedFile, Verity

CONTENT = {"layer-0": b"root image", "kernel": b"kernel", "initrd": b"initrd"}
ABSENT = "sha256:" + "0" * 64


def sealed(images: Path) -> Artifact:
    """A whole image in a store."""
    files = {
        role: SealedFile(name=f"{role}.img", sha256=hashlib.sha256(data).hexdigest(), size_bytes=len(data))
        for role, data in CONTENT.items()
    }
    manifest = Manifest(
        family="web",
        epoch=1,
        files=files,
        tree="sha256:" + "0" * 64,
        layers=(Verity(root_hash="00", salt="-", data_blocks=1, hash_start_block=1),),
        kernel_version="6.1",
        cmdline="",
        init="/sbin/init",
        recipe=Recipe(containerfile="Containerfile", containerfile_sha256="00"),
    )
    folder = images / manifest.digest.removeprefix("sha256:")
    folder.mkdir()
    (folder / "manifest.json").write_bytes(manifest.canonical())
    for role, data in CONTENT.items():
        (folder / f"{role}.img").write_bytes(data)
    return Artifact(folder=folder, manifest=manifest)


def test_a_whole_image_passes(tmp_path: Path) -> None:
    artifact = sealed(tmp_path)
    assert verify(tmp_path, artifact.manifest.digest) == load(tmp_path, artifact.manifest.digest) == artifact


@pytest.mark.parametrize(
    ("spoil", "wrong"),
    [
        (lambda folder: (folder / "kernel.img").unlink(), "kernel.img is missing"),
        (lambda folder: (folder / "layer-0.img").write_bytes(b"root imagE"), "layer-0.img was changed"),
        (lambda folder: (folder / "layer-0.img").write_bytes(b"root"), "layer-0.img has 4 bytes, not 10"),
        (lambda folder: (folder / "manifest.json").write_bytes(b"{}"), "manifest.json can't be read"),
        (
            lambda folder: (folder / "manifest.json").write_bytes(
                (folder / "manifest.json").read_bytes().replace(b'"web"', b'"api"')
            ),
            "manifest.json was changed",
        ),
    ],
)
def test_a_spoilt_image_is_refused(spoil: Callable[[Path], object], wrong: str, tmp_path: Path) -> None:
    artifact = sealed(tmp_path)
    spoil(artifact.folder)
    with pytest.raises(Refused, match=wrong):
        verify(tmp_path, artifact.manifest.digest)


def test_an_image_that_is_gone_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="are gone"):
        verify(tmp_path, ABSENT)
