"""What secrets are sealed with: AES-256 in GCM (NIST SP 800-38D), with a key in the home, made when it is first needed.

The database alone, or a copy of it, tells nothing. A key that was lost isn't replaced behind anybody's back: what was
sealed with it could be read no more.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from stoneware.errors import Misconfigured
from stoneware.host.files import locked, write_atomic
from stoneware.host.home import Home
from stoneware.host.private import require_private

KEY_BYTES = 32
NONCE_BYTES = 12


@dataclass(frozen=True)
class SecretKey:
    """A key that can seal and open. `id` names it and tells nothing of it."""

    id: str
    _cipher: AESGCM = field(repr=False)

    def seal(self, value: bytes, about: str) -> bytes:
        """The nonce and what AES-GCM makes of the value; `about` (the secret's name and version) is bound to it."""
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, value, about.encode())

    def open(self, sealed: bytes, about: str) -> bytes | None:
        """The value; None when this key hasn't sealed exactly this, about exactly that."""
        try:
            return self._cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], about.encode())
        except (InvalidTag, ValueError):  # ValueError: too short to be anything
            return None


def secret_key(home: Home) -> SecretKey:
    """The key of this home, made when there is none yet.

    Raises Misconfigured for a key that can't be read, that others can read, or that was lost.
    """
    with locked(home.root / ".secret-key.lock"):
        raw = _read(home.secret_key) if home.secret_key.exists() else _make(home)
        key = SecretKey(_identity(raw), AESGCM(raw))
        _mark(home.secret_key_id, key.id)
    return key


def _identity(raw: bytes) -> str:
    """64 hex digits: a keyed hash of a fixed text, from which a key of 256 random bits can't be found."""
    return hmac.new(raw, b"stoneware secret key", hashlib.sha256).hexdigest()


def _make(home: Home) -> bytes:
    if home.secret_key_id.exists():
        raise Misconfigured(
            f"{home.secret_key} is gone, and {home.secret_key_id.name} says that there was one",
            f"put it back from a copy; or, for a new key, remove {home.secret_key_id.name} and set every secret anew",
            code="key-unusable",
        )
    raw = os.urandom(KEY_BYTES)
    write_atomic(home.secret_key, raw.hex() + "\n", mode=0o600)
    return raw


def _read(path: Path) -> bytes:
    require_private(path)
    try:
        raw = bytes.fromhex(path.read_text())
    except ValueError:  # no hex digits, or no text at all; nothing of it is shown
        raw = b""
    if len(raw) != KEY_BYTES:
        raise Misconfigured(
            f"{path} is no key of {2 * KEY_BYTES} hex digits", "put it back from a copy", code="key-unusable"
        )
    return raw


def _mark(path: Path, identity: str) -> None:
    if not path.exists():
        write_atomic(path, identity + "\n")
    elif path.read_text(errors="replace").strip() != identity:
        raise Misconfigured(
            f"{path} doesn't belong to the key beside it",
            "put the key back that it names; or remove it, and set every secret anew",
            code="key-unusable",
        )
