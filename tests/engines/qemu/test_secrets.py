"""Secrets behind an initramfs: in a file without a name, for QEMU alone."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from stoneware.engines.qemu.secrets import with_secrets

VALUES = {"DB_PASSWORD": b"otters\0and\nbadgers", "TLS_KEY": b"k" * 65536}


@pytest.fixture
def initrd(tmp_path: Path) -> Path:
    path = tmp_path / "initrd.img"
    path.write_bytes(b"packed")
    return path


def test_without_secrets_the_images_own_file_is_given(initrd: Path) -> None:
    with with_secrets(initrd, {}) as (path, handed):
        assert (path, handed) == (initrd, ())


def test_a_program_that_is_given_the_file_reads_the_initramfs_and_the_values_behind_it(initrd: Path) -> None:
    with with_secrets(initrd, VALUES) as (path, handed):
        words = ["cat", str(path)]
        read = subprocess.run(words, pass_fds=handed, check=True, capture_output=True).stdout
    assert read.startswith(b"packed\0\0" + b"070701")
    for variable, value in VALUES.items():
        assert f"lib/secrets/{variable}".encode() in read
        assert value in read


def test_the_file_has_no_name_and_is_gone_when_nobody_has_it(initrd: Path) -> None:
    before = sorted(initrd.parent.iterdir())
    with with_secrets(initrd, VALUES) as (_, [handle]):
        assert "/memfd:" in str(Path(f"/proc/self/fd/{handle}").readlink())
        assert not os.get_inheritable(handle), "only who is given it has it"
        assert sorted(initrd.parent.iterdir()) == before
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(handle)
