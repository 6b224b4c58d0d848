"""Images that are whole but small: sealed files of noise, a container's layout, something attached. They need no tool."""

from __future__ import annotations

import json
import random
import shutil
import tarfile
import threading
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path

from stoneware.bake import oci
from stoneware.bake.attest import Notary
from stoneware.bake.base import EPOCH
from stoneware.bake.blobs import Blobs
from stoneware.bake.workspace import Workspace
from stoneware.host.files import write_atomic
from stoneware.host.home import Home
from stoneware.model.image import Artifact, BootTestRecord, Manifest, Recipe, SealedFile, Verity
from stoneware.moving.documents import sha256
from stoneware.moving.entering import Entering
from stoneware.moving.meter import Meter
from stoneware.moving.parts import parts_of
from stoneware.moving.sources import opened
from stoneware.moving.writing import entries, write_archive, write_layout
from stoneware.operations.importing import look

NAME = "web/7"
BLOCK = 4096


def make(home: Home, family: str = "web", seed: int = 1, container: bool = True) -> Artifact:
    """A sealed image in a home's store."""
    noise = random.Random(f"{family} {seed}")
    blobs, work = Blobs(home.images / "blobs"), home.build / f"{family}-{seed}"
    work.mkdir(parents=True)

    def sealed(name: str, size_bytes: int) -> SealedFile:
        (work / name).write_bytes(noise.randbytes(size_bytes))
        return blobs.add(work / name, name)

    files = {"kernel": sealed("vmlinuz", 9000), "vmlinux": sealed("vmlinux", 12000)}
    files |= {"initrd": sealed("initrd.img", 5001), "sbom": sealed("sbom.cdx.json", 300)}
    for number, size in enumerate((3 * BLOCK, 40 * BLOCK)):
        files[f"layer-{number}"] = sealed(f"layer-{number}.img", size)
        files[f"listing-{number}"] = sealed(f"layer-{number}.list", 700)
    out = work / "sealed"
    out.mkdir()
    for file in files.values():
        blobs.link(file, out / file.name)
    words: dict[str, str] = {}
    if container:
        layers = [sealed("layer.tar", 3000)]
        words["container"] = oci.write_layout(
            out / "oci", blobs, layers, {"Cmd": ["x"]}, "", family, "sha256:" + "0" * 64
        )
    manifest = Manifest(
        family=family,
        epoch=EPOCH,
        tree="sha256:" + "0" * 64,
        files=files,
        layers=tuple(Verity(root_hash="1" * 64, salt="-", data_blocks=2, hash_start_block=2) for _ in range(2)),
        deliver=("vm", "container") if container else ("vm",),
        cmdline="console=ttyS0",
        recipe=Recipe(containerfile="Containerfile", containerfile_sha256="0" * 64),
        **words,
    )
    write_atomic(out / "manifest.json", manifest.canonical(), mode=0o444)
    target = home.images / manifest.digest.removeprefix("sha256:")
    out.rename(target)
    artifact, notary = Artifact(folder=target, manifest=manifest), Notary(home)
    notary.state_provenance(artifact, "", "bake-1", 1.0, 2.0)
    notary.state_boot_test(artifact, record_of(manifest), "bake-1")
    return artifact


def record_of(manifest: Manifest) -> BootTestRecord:
    return BootTestRecord(digest=manifest.digest, passed=True, started_at=5.0, seconds=1.5, results=("it answers",))


def meter() -> Meter:
    return Meter(0, lambda _: None, threading.Event())


def archive(artifact: Artifact, out: Path, record: BootTestRecord | None = None) -> Path:
    """An image as one file, with the record of its boot test."""
    parts = parts_of(artifact, record or record_of(artifact.manifest))
    write_archive(entries(artifact.manifest, parts, NAME), out, meter())
    return out


def layout(artifact: Artifact, out: Path) -> Path:
    """An image as a folder."""
    write_layout(entries(artifact.manifest, parts_of(artifact, record_of(artifact.manifest)), NAME), out, meter())
    return out


def take_in(home: Home, source: Path) -> Artifact:
    """What an import does before the catalog hears of it."""
    folder = home.build / "work" / "test"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    offer = look(source)
    with opened(source) as place:
        entering = Entering(Workspace(home, folder, lambda _: None), place, offer, meter())
        return entering.enter(entering.unpack())


def contents(folder: Path) -> dict[str, bytes]:
    """All files below a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def members(file: Path) -> dict[str, bytes]:
    """What is in an archive."""
    with tarfile.open(file, "r:") as tar:
        found = {one.name: tar.extractfile(one) for one in tar.getmembers()}
        return {name: content.read() for name, content in found.items() if content}


def pack(files: Mapping[str, bytes], out: Path) -> Path:
    """An archive of whatever files."""
    with tarfile.open(out, "w", format=tarfile.GNU_FORMAT) as tar:
        for name, content in files.items():
            header = tarfile.TarInfo(name)
            header.size = len(content)
            tar.addfile(header, BytesIO(content))
    return out


def rewritten(files: Mapping[str, bytes], change: object) -> dict[str, bytes]:
    """The files of an archive with its documents changed by `change(artifact, config)`, and all digests made right again."""
    index = json.loads(files["index.json"])
    listed = index["manifests"][0]
    document = json.loads(files["blobs/sha256/" + listed["digest"][7:]])
    config = json.loads(files["blobs/sha256/" + document["config"]["digest"][7:]])
    old = {listed["digest"][7:], document["config"]["digest"][7:]}
    assert callable(change)
    change(document, config)
    rest = {name: content for name, content in files.items() if name.rpartition("/")[2] not in old}
    new_config = json.dumps(config, sort_keys=True, separators=(",", ":")).encode()
    if document["config"]["digest"][7:] in old:
        document["config"] = {**document["config"], "digest": f"sha256:{sha256(new_config)}", "size": len(new_config)}
    new = json.dumps(document).encode()
    index["manifests"][0] = {**listed, "digest": f"sha256:{sha256(new)}", "size": len(new)}
    return {
        **rest,
        "index.json": json.dumps(index).encode(),
        f"blobs/sha256/{sha256(new)}": new,
        f"blobs/sha256/{sha256(new_config)}": new_config,
    }
