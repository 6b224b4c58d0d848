"""A Java keystore of certificates, written the same way each time.

The format, "JKS" of version 2, is that of `sun.security.provider.JavaKeyStore` (OpenJDK), big-endian throughout: a magic number,
the version, the number of entries; of each a tag, an alias, the moment at which it was entered (milliseconds), the type and the
bytes of a certificate; and at the end a SHA-1 over a password, a phrase and all of that.
"""

from __future__ import annotations

import hashlib
import struct

HEAD = bytes.fromhex("feedfeed00000002")
CERTIFICATE = 2
USUAL_PASSWORD = "changeit"  # noqa: S105
"""That of every keystore that holds nothing but what everybody may know."""
DIGEST_BYTES = 20


def dated(content: bytes, epoch: int) -> bytes:
    """The keystore with all its certificates entered at `epoch` (seconds). Anything else is returned as it is: one with keys, or
    with a password of its own, is somebody's secret, and its times are part of it."""
    if not content.startswith(HEAD):
        return content
    body, digest = bytearray(content[:-DIGEST_BYTES]), content[-DIGEST_BYTES:]
    try:
        moments = _moments(bytes(body))
    except (struct.error, ValueError):
        return content
    if _digest(bytes(body)) != digest:
        return content
    for moment in moments:
        struct.pack_into(">Q", body, moment, epoch * 1000)
    return bytes(body) + _digest(bytes(body))


def _moments(body: bytes) -> list[int]:
    """Where in the keystore its moments stand. Raises ValueError for what holds more than certificates; struct.error."""
    [count] = struct.unpack_from(">I", body, len(HEAD))
    at, found = len(HEAD) + 4, []
    for _ in range(count):
        tag, alias = struct.unpack_from(">IH", body, at)
        if tag != CERTIFICATE:
            raise ValueError(f"an entry of kind {tag}")
        at += 6 + alias
        found.append(at)
        [kind] = struct.unpack_from(">H", body, at + 8)
        at += 10 + kind
        [size] = struct.unpack_from(">I", body, at)
        at += 4 + size
    if at != len(body):
        raise ValueError("it is longer or shorter than its entries")
    return found


def _digest(body: bytes) -> bytes:
    return hashlib.sha1(USUAL_PASSWORD.encode("utf-16-be") + b"Mighty Aphrodite" + body, usedforsecurity=False).digest()
