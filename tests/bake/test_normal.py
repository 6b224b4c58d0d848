"""What says only when something was built is left out, or written the same way each time; all else stays as it is."""

from __future__ import annotations

import hashlib
import os
import py_compile
import shutil
import struct
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


def keystore(moments: list[int], *, password: str = "changeit", tag: int = 2) -> bytes:
    """A Java keystore, as `keytool` writes it."""
    body = bytes.fromhex("feedfeed00000002") + struct.pack(">I", len(moments))
    for number, moment in enumerate(moments):
        alias, kind, certificate = f"ca-{number}".encode(), b"X.509", bytes([number]) * (40 + number)
        body += struct.pack(">IH", tag, len(alias)) + alias + struct.pack(">Q", moment)
        body += struct.pack(">H", len(kind)) + kind + struct.pack(">I", len(certificate)) + certificate
    return body + hashlib.sha1(password.encode("utf-16-be") + b"Mighty Aphrodite" + body).digest()


def test_when_a_certificate_was_entered_is_no_part_of_an_image() -> None:
    path = "etc/ssl/certs/java/cacerts"
    assert needs_rewriting(path)
    made = rewritten(path, keystore([1_760_000_000_123, 1_760_000_000_999]))
    assert made == keystore([EPOCH * 1000, EPOCH * 1000])
    assert rewritten(path, keystore([])) == keystore([])


@pytest.mark.parametrize(
    "content",
    [
        keystore([1, 2], password="another"),
        keystore([1, 2], tag=1),
        keystore([1, 2])[:-1],
        keystore([1, 2])[:70],
        keystore([1]) + b"more",
        bytes.fromhex("feedfeed00000002ffffffff") + bytes(20),
        bytes.fromhex("feedfeed00000001") + bytes(30),
        b"a text of that name",
        b"",
    ],
)
def test_any_other_keystore_is_as_it_was(content: bytes) -> None:
    assert rewritten("opt/app/store.jks", content) == content


def test_the_temporary_files_of_a_question_are_no_part_of_an_image() -> None:
    path, kept = "var/cache/debconf/config.dat", b"Name: ucf/changeprompt\nVariables:\n BASENAME = x.conf\n"
    assert needs_rewriting(path)
    assert rewritten(path, kept + b" NEW = /tmp/postgresql-common.WFGnTn\n\nName: b\n") == kept + b"\nName: b\n"


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
