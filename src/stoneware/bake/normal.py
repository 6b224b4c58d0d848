"""What differs from build to build and tells nothing about the content: left out, or written the same way each time.

The rules hold for every recipe. They are applied before anything is digested, so that a VM, a container and a listing of the same
recipe show the same tree.
"""

from __future__ import annotations

import re
import struct

from stoneware.bake.base import EPOCH
from stoneware.bake.keystore import dated

DAY = EPOCH // 86400

LEFT_OUT = re.compile(
    r"""
    ^(
      var/cache/(ldconfig/aux-cache | apt/(src)?pkgcache\.bin | apt/archives/.*\.deb | debconf/.*-old | man/.* | fontconfig/.*)
    | var/log/(apt/.* | dpkg\.log | alternatives\.log | bootstrap\.log | fontconfig\.log | journal/.*)
    | var/lib/(apt/lists/.+ | dpkg/.*-old | dpkg/lock.* | dpkg/triggers/Lock | systemd/random-seed | systemd/catalog/database
              | dbus/machine-id)
    | etc/(shadow- | passwd- | group- | gshadow- | subuid- | subgid- | \.pwd\.lock | ssh/ssh_host_.*_key(\.pub)?)
    | (root | home/[^/]+)/(\.cache/(pip | uv | go-build | node-gyp | yarn | fontconfig)(/.*)?
              | \.npm/(_cacache | _logs | _update-notifier[^/]*)(/.*)? | \.wget-hsts | \.bash_history)
    | (run | tmp | var/tmp | dev | proc | sys)/.+
    )$
    """,
    re.VERBOSE | re.DOTALL,
)
"""Paths in a tree. Host keys are among them: a key that all machines share is none."""

EMPTIED = ("etc/machine-id",)
"""Files that must be there and hold nothing. An empty machine-id(5) means that each machine makes its own."""
LOGS = "var/log/"
"""What was written here was written while the image was built. Some programs want their file to be there, so each stays, empty."""

DEBCONF = "var/cache/debconf/config.dat"
_TEMPORARY = re.compile(rb"^ [^\n=]+ = /tmp/[^\n]*\n", re.MULTILINE)
"""A variable of a question that was asked: the file of that build's package, which is long gone."""
KEYSTORES = ("/cacerts", ".jks", ".keystore")

_PYC_FLAGS = slice(4, 8)
_PYC_TIME = slice(8, 12)
_LAST_CHANGE = 2


def is_left_out(path: str) -> bool:
    """Whether a path (no leading slash) has no place in a sealed tree."""
    return LEFT_OUT.match(path) is not None


def needs_rewriting(path: str) -> bool:
    """Whether `rewritten` may change the content of a file with this path."""
    return _is_emptied(path) or path in ("etc/shadow", DEBCONF) or path.endswith((".pyc", *KEYSTORES))


def rewritten(path: str, content: bytes) -> bytes:
    """The content as it is sealed."""
    if _is_emptied(path):
        return b""
    if path == "etc/shadow":
        return _shadow(content)
    if path == DEBCONF:
        return _TEMPORARY.sub(b"", content)
    if path.endswith(KEYSTORES):
        return dated(content, EPOCH)
    return _compiled(content) if path.endswith(".pyc") else content


def _is_emptied(path: str) -> bool:
    return path in EMPTIED or path.startswith(LOGS)


def _shadow(content: bytes) -> bytes:
    """shadow(5): the day of a password's last change is the day of the build."""
    lines = []
    for line in content.split(b"\n"):
        fields = line.split(b":")
        if len(fields) > _LAST_CHANGE and fields[_LAST_CHANGE].isdigit() and fields[_LAST_CHANGE] != b"0":
            fields[_LAST_CHANGE] = str(DAY).encode()
        lines.append(b":".join(fields))
    return b"\n".join(lines)


def _compiled(content: bytes) -> bytes:
    """A compiled Python file names the time of its source (PEP 552, flags 0), and all files of an image carry ours.

    Without this Python would find each of them outdated and compile its source again, at every start.
    """
    if len(content) < _PYC_TIME.stop or content[_PYC_FLAGS] != b"\0\0\0\0":
        return content
    return content[: _PYC_TIME.start] + struct.pack("<I", EPOCH) + content[_PYC_TIME.stop :]
