"""What a machine is started with is what was sealed, byte by byte, and is read again only when it may be something else."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from stoneware.engines.qemu.images import ImageFolder
from stoneware.errors import Refused


def test_a_kernel_that_was_changed_without_another_length_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, kernel = ImageFolder(tmp_path), tmp_path / "vmlinux"
    kernel.write_bytes(b"sealed")
    digest = hashlib.sha256(b"sealed").hexdigest()
    folder._require_same(kernel, digest, "web/1")
    times = kernel.stat()
    kernel.write_bytes(b"sealeD")
    os.utime(kernel, ns=(times.st_atime_ns, times.st_mtime_ns))
    with pytest.raises(Refused, match="vmlinux was changed"):
        folder._require_same(kernel, digest, "web/1")
    kernel.write_bytes(b"sealed")
    folder._require_same(kernel, digest, "web/1")
    monkeypatch.setattr("stoneware.engines.qemu.images.sha256_of", lambda _: "read again")
    folder._require_same(kernel, digest, "web/1")


def test_a_half_deleted_image_is_still_something_that_is_left(tmp_path: Path) -> None:
    assert ImageFolder(tmp_path / "none").digests() == set()
    (tmp_path / ("a" * 64)).mkdir()
    (tmp_path / "blobs").mkdir()
    (tmp_path / f".{'b' * 64}.verified").touch()
    assert ImageFolder(tmp_path).digests() == {f"sha256:{'a' * 64}"}
