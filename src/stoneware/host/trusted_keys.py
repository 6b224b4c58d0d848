"""Public keys of other installations whose images are believed here: a folder of PEM files that a person can look at."""

from __future__ import annotations

import contextlib
from pathlib import Path

from stoneware.errors import BadInput, Misconfigured
from stoneware.host.files import sync_folder, write_atomic
from stoneware.host.home import Home
from stoneware.host.signing_key import LONGEST_PEM, PublicKey, installation_key, read_public


def trusted_keys(home: Home) -> dict[str, PublicKey]:
    """All of `trusted-keys/*.pub`, by id. Raises Misconfigured naming a file that is no key: it may be one that should count."""
    found: dict[str, PublicKey] = {}
    for path in sorted(home.trusted_keys.glob("*.pub")):
        key = _read(path)
        found[key.id] = key
    return found


def trusted_ids(home: Home) -> frozenset[str]:
    """The ids of all of them that can be read."""
    found = set()
    for path in home.trusted_keys.glob("*.pub"):
        with contextlib.suppress(Misconfigured):
            found.add(_read(path).id)
    return frozenset(found)


def _read(path: Path) -> PublicKey:
    try:
        with path.open("rb") as file:
            text = file.read(LONGEST_PEM + 1).decode("ascii")
        return read_public(text, str(path))
    except (BadInput, OSError, UnicodeDecodeError):
        raise Misconfigured(
            f"{path} is no Ed25519 public key in PEM", "mend it, or remove it", code="key-unusable"
        ) from None


def trust(home: Home, key: PublicKey) -> None:
    """Believes this key from now on; already so is success."""
    home.trusted_keys.mkdir(mode=0o700, exist_ok=True)
    write_atomic(home.trusted_keys / f"{key.id}.pub", key.pem, mode=0o644)


def distrust(home: Home, identity: str) -> None:
    """Believes the key of this id no more, under whatever name its file stands; already so is success."""
    for path in sorted(home.trusted_keys.glob("*.pub")):
        if _read(path).id == identity:
            path.unlink(missing_ok=True)
            sync_folder(home.trusted_keys)


def believed_keys(home: Home) -> dict[str, PublicKey]:
    """Whose signatures count here, by id: this installation's and those of the trusted ones. Raises Misconfigured."""
    own = installation_key(home).public
    return {**trusted_keys(home), own.id: own}
