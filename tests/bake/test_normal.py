"""What says only when something was built is left out, or written the same way each time; all else stays as it is."""

from __future__ import annotations

import os
import py_compile
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from stoneware.bake.base import EPOCH
from stoneware.bake.normal import is_left_out, needs_rewriting, rewritten


@pytest.mark.parametrize(
    "path",
    [
        "var/cache/ldconfig/aux-cache",
        "var/log/apt/history.log",
        "var/log/dpkg.log",
        "var/lib/apt/lists/deb_Packages",
        "var/cache/apt/archives/nginx.deb",
        "etc/ssh/ssh_host_ed25519_key",
        "etc/shadow-",
        "run/nginx.pid",
        "root/.cache/pip/http/1",
        "home/app/.npm/_cacache/index-v5/1",
        "root/.npm/_logs/2026-01-01T00_00_00_000Z-debug-0.log",
        "tmp/x",
    ],
)
def test_traces_of_the_build_are_left_out(path: str) -> None:
    assert is_left_out(path)


@pytest.mark.parametrize(
    "path",
    [
        *[
            "var/log/nginx",
            "etc/shadow",
            "run",
            "tmp",
            "srv/run/x",
            "var/lib/dpkg/status",
            "usr/share/var/log/dpkg.log",
        ],
        *["root/.cache/ms-playwright/chromium-1/chrome", "root/.cache/huggingface/hub/model", "root/.npm/lib/x"],
    ],
)
def test_what_belongs_to_the_image_stays(path: str) -> None:
    assert not is_left_out(path)


def test_the_day_of_a_password_is_no_part_of_an_image() -> None:
    before = b"root:*:20000:0:99999:7:::\nwww:!::0:99999:7:::\nnew:!:0:0:99999:7:::\n"
    assert rewritten("etc/shadow", before) == b"root:*:19675:0:99999:7:::\nwww:!::0:99999:7:::\nnew:!:0:0:99999:7:::\n"


@pytest.mark.parametrize(
    "path", ["etc/machine-id", "var/log/wtmp", "var/log/postgresql/main.log", "var/log/nginx/access.log"]
)
def test_what_must_be_there_holds_nothing_of_the_build(path: str) -> None:
    assert needs_rewriting(path)
    assert rewritten(path, b"4b8f\n") == b""


def test_python_takes_a_compiled_file_whose_source_has_our_time(tmp_path: Path) -> None:
    source = tmp_path / "greet.py"
    source.write_text("print('source')\n")
    compiled = Path(py_compile.compile(str(source), invalidation_mode=py_compile.PycInvalidationMode.TIMESTAMP) or "")
    assert needs_rewriting(str(compiled))
    compiled.write_bytes(rewritten("greet.pyc", compiled.read_bytes()))
    os.utime(source, (EPOCH, EPOCH))
    stamp = compiled.stat().st_mtime_ns
    env = {"PATH": os.environ["PATH"]}
    subprocess.run([sys.executable, "-c", "import greet"], cwd=tmp_path, env=env, check=True, capture_output=True)
    assert compiled.stat().st_mtime_ns == stamp
    shutil.rmtree(tmp_path / "__pycache__")


def test_compiled_files_that_go_by_their_hash_stay_as_they_are() -> None:
    checked = b"\xa7\r\r\n\x03\0\0\0hashhash" + b"code"
    assert rewritten("a.pyc", checked) == checked
    assert rewritten("a.pyc", b"\xa7\r\r\n") == b"\xa7\r\r\n"
