"""Secrets with their values: sealed on the way in, opened for the engine that gives one to a machine, nowhere else."""

from __future__ import annotations

import hmac
from dataclasses import dataclass

from stoneware.errors import BadInput, Misconfigured, Refused
from stoneware.host.home import Home
from stoneware.host.secret_key import SecretKey, secret_key
from stoneware.model.secret import LARGEST_BYTES, Secret
from stoneware.names import split_secret_version
from stoneware.store.secrets import Sealed
from stoneware.store.store import Store


@dataclass(frozen=True)
class Vault:
    """The key is read anew for each call: nobody holds it longer than that."""

    store: Store
    home: Home

    def set(self, name: str, value: bytes, actor: str, reason: str) -> tuple[Secret, bool]:
        """A new version, and True; the newest one, and False, when that holds this very value.

        Raises BadInput for a value that is empty or too large, Misconfigured without a usable key.
        """
        require_fit(value)
        key = secret_key(self.home)

        def seal(reference: str) -> Sealed:
            return Sealed(key.id, key.seal(value, reference))

        def is_same(reference: str, sealed: Sealed) -> bool:
            held = _opened(key, reference, sealed)
            return held is not None and hmac.compare_digest(held, value)

        return self.store.secrets.add(name, actor, reason, seal, is_same)

    def reveal(self, reference: str) -> bytes:
        """The value of a version such as `db-password/3`.

        Raises Refused when it isn't there or was changed, Misconfigured when this home has another key or none.
        """
        split = split_secret_version(reference)
        sealed = self.store.secrets.sealed(*split) if split else None
        if split is None or sealed is None:
            raise Refused(
                f"there is no secret {reference}",
                "`stoneware secret list` shows what there is",
                code="secret-not-found",
            )
        key, name = secret_key(self.home), split[0]
        if sealed.key != key.id:
            raise Misconfigured(
                f"secret {reference} is sealed with another key than {self.home.secret_key}",
                f"put the key back that sealed it; or set it anew (`stoneware secret set {name}`) and deploy",
                code="key-unusable",
            )
        value = _opened(key, reference, sealed)
        if value is None:
            hint = f"set it anew (`stoneware secret set {name}`), deploy, and find out who can write to the database"
            raise Refused(f"secret {reference} was changed in the database", hint)
        return value

    def newest(self, name: str) -> bytes:
        """The newest value of a secret, without what stands around it; empty when there is none. Raises as `reveal` does."""
        reference = self.store.secrets.newest().get(name)
        return self.reveal(reference).strip() if reference else b""


def require_fit(value: bytes) -> None:
    """Raises BadInput, which never says what the value is."""
    if not value:
        raise BadInput("the value is empty", next_step="give one; `stoneware secret delete` takes a secret away")
    if len(value) > LARGEST_BYTES:
        why = f"the value is larger than {LARGEST_BYTES // 1024} KiB"
        raise BadInput(why, next_step="what is that large is data: put it on a disk, and its key here")


def _opened(key: SecretKey, reference: str, sealed: Sealed) -> bytes | None:
    return key.open(sealed.content, reference) if sealed.key == key.id else None
