"""Images on this host: they lie in the store already, so publishing means proving that they are whole."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from stoneware.errors import Refused, ToolFailed
from stoneware.host.files import sha256_of, write_atomic
from stoneware.host.run import run
from stoneware.model.image import Artifact, Manifest, Verity

FOLDER = re.compile(r"[0-9a-f]{64}")
LOADED = ("vmlinux", "initrd")
"""What QEMU reads into a machine's memory: nothing in the machine could prove it."""


def _state(file: Path) -> str:
    """Nobody can set the last of these times (ctime)."""
    stat = file.stat()
    return f"{stat.st_ino} {stat.st_size} {stat.st_mtime_ns} {stat.st_ctime_ns}"


@dataclass(frozen=True)
class ImageFolder:
    """All sealed images, a folder each."""

    path: Path

    def load(self, digest: str) -> Artifact:
        """An image by digest. Raises Refused when its files aren't here."""
        folder = self.path / digest.removeprefix("sha256:")
        try:
            manifest = Manifest.model_validate_json((folder / "manifest.json").read_bytes())
        except FileNotFoundError:
            raise Refused(
                f"image {digest[:19]} isn't on this host", "bake or import it", code="image-not-here"
            ) from None
        return Artifact(folder=folder, manifest=manifest)

    def require_whole(self, artifact: Artifact) -> None:
        """Every file is what was sealed, and each layer has its hash tree. One is read once for each state of its inode.

        Raises Refused naming what is wrong.
        """
        name = artifact.manifest.digest[:19]
        if "vm" not in artifact.manifest.deliver:
            raise Refused(
                f"image {name} is no VM image",
                f"bake it again with `--as {','.join(artifact.manifest.deliver)},vm`",
                code="image-form",
            )
        for role, sealed in artifact.manifest.files.items():
            path = artifact.file(role)
            if not path.exists() or path.stat().st_size != sealed.size_bytes:
                raise Refused(
                    f"image {name}: {sealed.name} is missing or cut off", "bake it again", code="image-damaged"
                )
        for role in LOADED:
            self._require_same(artifact.file(role), artifact.manifest.files[role].sha256, name)
        for file, verity in artifact.layers:
            self._require_proven(file, verity, name)

    def _require_same(self, file: Path, sha256: str, image: str) -> None:
        mark, seen = self.path / f".{sha256}.verified", _state(file)
        if mark.exists() and mark.read_text() == seen:
            return
        if sha256_of(file) != sha256:
            raise Refused(f"image {image}: {file.name} was changed", "bake it again", code="image-damaged")
        write_atomic(mark, seen)

    def _require_proven(self, file: Path, verity: Verity, image: str) -> None:
        mark, seen = self.path / f".{verity.root_hash}.verified", _state(file)
        if mark.exists() and mark.read_text() == seen:
            return
        words = ["veritysetup", "verify", "--no-superblock", f"--hash-offset={verity.hash_start_block * 4096}"]
        words += [
            f"--data-blocks={verity.data_blocks}",
            f"--salt={verity.salt}",
            str(file),
            str(file),
            verity.root_hash,
        ]
        try:
            run(words, timeout_s=300)
        except ToolFailed as broken:
            raise Refused(
                f"image {image}: {file.name} was changed: {broken.message}", "bake it again", code="image-damaged"
            ) from broken
        write_atomic(mark, seen)

    def digests(self) -> set[str]:
        """Of every image that has a folder here, a half-deleted one too."""
        folders = self.path.iterdir() if self.path.is_dir() else ()
        return {f"sha256:{folder.name}" for folder in folders if FOLDER.fullmatch(folder.name)}

    def delete(self, digest: str) -> None:
        """Removes an image's files; the manifest first, so that a half-deleted image is none."""
        folder = self.path / digest.removeprefix("sha256:")
        (folder / "manifest.json").unlink(missing_ok=True)
        shutil.rmtree(folder, ignore_errors=True)
