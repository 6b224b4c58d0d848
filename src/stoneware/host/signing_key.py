"""The installation's key: Ed25519 (RFC 8032), in the home, made when it is first needed. Its private part never leaves here."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from stoneware.errors import BadInput, Misconfigured
from stoneware.host.files import locked, write_atomic
from stoneware.host.home import Home
from stoneware.host.private import require_private

LONGEST_PEM = 4096


@dataclass(frozen=True)
class PublicKey:
    """Who signs. `id` is the SHA-256 (hex) of the key's SubjectPublicKeyInfo in DER, `pem` the same in PEM (RFC 8410)."""

    id: str
    pem: str
    raw: bytes = field(repr=False)

    def verifies(self, signature: bytes, message: bytes) -> bool:
        """Whether this key has made the signature, of this message."""
        try:
            Ed25519PublicKey.from_public_bytes(self.raw).verify(signature, message)
        except InvalidSignature:
            return False
        return True


@dataclass(frozen=True)
class SigningKey:
    """A key that can sign. What is printed of it is its public part."""

    public: PublicKey
    _private: Ed25519PrivateKey = field(repr=False)

    def sign(self, message: bytes) -> bytes:
        """64 bytes; the same message always gives the same ones."""
        return self._private.sign(message)


def installation_key(home: Home) -> SigningKey:
    """The key of this home, made when there is none yet; its public part is written beside it when that is missing.

    Raises Misconfigured for a key that can't be read, that others can read, or that was lost.
    """
    with locked(home.root / ".signing-key.lock"):
        private = _read(home.signing_key) if home.signing_key.exists() else _make(home)
        key = SigningKey(_public(private.public_key()), private)
        _publish(home.public_key, key.public)
    return key


def read_public(pem: str, what: str) -> PublicKey:
    """A public key from its PEM. Raises BadInput, which says what it is instead; never what is in it."""
    hint = "give the file that `stoneware key show` prints on the other installation"
    if "PRIVATE KEY" in pem:
        raise BadInput(f"{what} holds a private key, which nobody else may have", next_step=hint)
    try:
        found = serialization.load_pem_public_key(pem.encode())
    except (ValueError, UnsupportedAlgorithm):
        raise BadInput(f"{what} is no public key in PEM", next_step=hint) from None
    if not isinstance(found, Ed25519PublicKey):
        raise BadInput(f"{what} is no Ed25519 key", next_step=hint)
    return _public(found)


def _public(key: Ed25519PublicKey) -> PublicKey:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    der = key.public_bytes(serialization.Encoding.DER, form)
    pem = key.public_bytes(serialization.Encoding.PEM, form).decode()
    return PublicKey(hashlib.sha256(der).hexdigest(), pem, key.public_bytes_raw())


def _make(home: Home) -> Ed25519PrivateKey:
    if home.public_key.exists():
        raise Misconfigured(
            f"{home.signing_key} is gone, and {home.public_key.name} says that there was one",
            f"put it back from a copy; or, for a new key, move {home.public_key.name} to {home.trusted_keys.name}/",
            code="key-unusable",
        )
    private = Ed25519PrivateKey.generate()
    none = serialization.NoEncryption()
    pem = private.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, none)
    write_atomic(home.signing_key, pem, mode=0o600)
    return private


def _read(path: Path) -> Ed25519PrivateKey:
    require_private(path)
    try:
        found = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):  # TypeError: it has a password; `from None`: no part is shown
        found = None
    if not isinstance(found, Ed25519PrivateKey):
        raise Misconfigured(
            f"{path} is no Ed25519 key in PEM without a password",
            "put it back from a copy; or move it and its .pub away, and a new key is made",
            code="key-unusable",
        )
    return found


def _publish(path: Path, public: PublicKey) -> None:
    if not path.exists():
        write_atomic(path, public.pem, mode=0o644)
    elif path.read_bytes() != public.pem.encode():
        raise Misconfigured(
            f"{path} doesn't belong to the key beside it",
            "find out who changed it; then remove it, and it is made again",
            code="key-unusable",
        )
