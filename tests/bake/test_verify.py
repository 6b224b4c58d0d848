"""A stored image is what its name says, or it is refused with the first thing that is wrong."""

from __future__ import annotations

import errno
import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stoneware.bake import oci
from stoneware.bake.blobs import Blobs
from stoneware.bake.tree import tree_digest
from stoneware.bake.verify import checks, load, load_proven, verify
from stoneware.errors import NotFound, Refused
from stoneware.host.run import run
from stoneware.model.image import Artifact, Manifest, Recipe, SealedFile, Verity
from stoneware.model.listing import FileEntry, to_lines

DATA = bytes(range(256)) * 16 * 16
"""16 blocks."""
ENTRIES = {".": FileEntry("d", 0o755, 0, 0, 0, "", ())}
CONTENT = {"listing-0": to_lines(ENTRIES), "kernel": b"kernel", "initrd": b"initrd"}
ABSENT = "sha256:" + "0" * 64


def sealed(images: Path) -> Artifact:
    """A whole image in a store."""
    root = images / "root"
    root.write_bytes(DATA)
    words = ["veritysetup", "format", "--no-superblock", f"--hash-offset={len(DATA)}", "--salt=-", "--data-blocks=16"]
    printed = run([*words, root, root]).stdout
    root_hash = next(line.split()[-1] for line in printed.splitlines() if line.startswith("Root hash"))
    content = {**CONTENT, "layer-0": root.read_bytes()}
    root.unlink()
    files = {
        role: SealedFile(name=f"{role}.img", sha256=hashlib.sha256(data).hexdigest(), size_bytes=len(data))
        for role, data in content.items()
    }
    manifest = Manifest(
        family="web",
        epoch=1,
        files=files,
        tree=tree_digest(ENTRIES),
        layers=(Verity(root_hash=root_hash, salt="-", data_blocks=16, hash_start_block=16),),
        kernel_version="6.1",
        cmdline="",
        init="/sbin/init",
        recipe=Recipe(containerfile="Containerfile", containerfile_sha256="00"),
    )
    folder = images / manifest.digest.removeprefix("sha256:")
    folder.mkdir()
    (folder / "manifest.json").write_bytes(manifest.canonical())
    for role, data in content.items():
        (folder / f"{role}.img").write_bytes(data)
    return Artifact(folder=folder, manifest=manifest)


def delivered(images: Path) -> Artifact:
    """The same with a container."""
    plain = sealed(images)
    work = images / "work"
    (work / "oci").mkdir(parents=True)
    (work / "tar").write_bytes(b"layer")
    blobs = Blobs(work / "blobs")
    layers, tree = [blobs.add(work / "tar", "layer.tar")], plain.manifest.tree
    container = oci.write_layout(work / "layout", blobs, layers, {"Cmd": ["x"]}, "", "web", tree)
    changed = {"container": container, "deliver": ("vm", "container")}
    manifest = plain.manifest.model_copy(update=changed)
    folder = images / manifest.digest.removeprefix("sha256:")
    plain.folder.rename(folder)
    (folder / "manifest.json").write_bytes(manifest.canonical())
    (work / "layout").rename(folder / "oci")
    shutil.rmtree(work)
    return Artifact(folder=folder, manifest=manifest)


def spoilt(folder: Path) -> bytes:
    whole = (folder / "layer-0.img").read_bytes()
    return whole[:-1] + bytes([whole[-1] ^ 1])


def test_a_whole_image_passes(tmp_path: Path) -> None:
    artifact = sealed(tmp_path)
    assert verify(tmp_path, artifact.manifest.digest) == load(tmp_path, artifact.manifest.digest) == artifact


@pytest.mark.parametrize(
    ("spoil", "wrong"),
    [
        (lambda folder: (folder / "kernel.img").unlink(), "kernel.img is missing"),
        (lambda folder: (folder / "layer-0.img").write_bytes(spoilt(folder)), "layer-0.img was changed"),
        (lambda folder: (folder / "layer-0.img").write_bytes(b"root"), "layer-0.img has 4 bytes, not 69632"),
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


def test_a_flipped_byte_in_any_file_is_found(tmp_path: Path) -> None:
    artifact = delivered(tmp_path)
    digest = artifact.manifest.digest
    assert verify(tmp_path, digest) == artifact
    files = [path for path in sorted(artifact.folder.rglob("*")) if path.is_file()]
    assert {"oci-layout", "index.json", "manifest.json"} < {path.name for path in files}
    for path in files:
        content = path.read_bytes()
        path.chmod(0o644)
        for at in {0, len(content) // 3, len(content) // 2, len(content) - 1}:
            path.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
            with pytest.raises(Refused):
                verify(tmp_path, digest)
        path.write_bytes(content)
    assert verify(tmp_path, digest) == artifact


@pytest.mark.parametrize("document", ["oci/index.json", "oci/oci-layout", "manifest.json"])
def test_no_byte_of_a_document_can_be_another(document: str, tmp_path: Path) -> None:
    artifact = delivered(tmp_path)
    path = artifact.folder / document
    content = path.read_bytes()
    path.chmod(0o644)
    for spoilt in (content + b"\n", b" " + content, content.replace(b":", b": ", 1), content.replace(b"a", b"A", 1)):
        path.write_bytes(spoilt)
        with pytest.raises(Refused, match=f"{path.name} (was changed|can't be read)"):
            verify(tmp_path, artifact.manifest.digest)


@pytest.mark.parametrize("place", ["notes.txt", "oci/notes.txt", "oci/blobs/sha512/x", "oci/blobs/sha256/" + "0" * 64])
def test_a_file_that_belongs_to_nothing_is_found(place: str, tmp_path: Path) -> None:
    artifact = delivered(tmp_path)
    (artifact.folder / place).parent.mkdir(exist_ok=True)
    (artifact.folder / place).write_bytes(b"x")
    with pytest.raises(Refused, match=r"belongs to nothing|which it doesn't name"):
        verify(tmp_path, artifact.manifest.digest)


def test_what_is_shown_of_an_image_is_proven_first(tmp_path: Path) -> None:
    artifact = sealed(tmp_path)
    digest, listing = artifact.manifest.digest, artifact.folder / "listing-0.img"
    assert load_proven(tmp_path, digest, lambda role: role == "listing-0") == artifact
    listing.write_bytes(bytes(byte ^ 1 for byte in listing.read_bytes()))
    assert load_proven(tmp_path, digest, lambda role: role == "kernel") == artifact
    with pytest.raises(Refused, match=r"listing-0\.img was changed"):
        load_proven(tmp_path, digest, lambda role: role == "listing-0")


@pytest.mark.parametrize("name", ["manifest.json", "kernel.img"])
def test_a_file_that_can_not_be_read_is_named(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    artifact = sealed(tmp_path)
    file = artifact.folder / name
    read = Path.open

    def failing(path: Path, *words: Any, **more: Any) -> Any:
        if path == file:
            raise OSError(errno.EIO, "Input/output error", str(path))
        return read(path, *words, **more)

    monkeypatch.setattr(Path, "open", failing)
    with pytest.raises(Refused, match=f"{name} can't be read: Input/output error"):
        list(checks(tmp_path, artifact.manifest.digest))
