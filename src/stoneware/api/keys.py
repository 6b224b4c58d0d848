"""Keys: this installation's own, and those of others whose images are believed here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Response
from fastapi import Path as InPath
from pydantic import StringConstraints

from stoneware.api.services import Actor, Given, Reason, Services, Why
from stoneware.errors import Conflict, NotFound
from stoneware.host.signing_key import LONGEST_PEM, PublicKey, installation_key, read_public
from stoneware.host.trusted_keys import distrust, trust, trusted_keys
from stoneware.model.noun import Noun

router = APIRouter(tags=["keys"])
KeyId = Annotated[str, InPath(pattern=r"^[0-9a-f]{8,64}$")]
"""A key's id, or as much of its beginning as tells it from the others."""


class KnownKey(Noun):
    """A public key. `id` is the SHA-256 of its SPKI in DER, `pem` the same in PEM; `own` is this installation's."""

    id: str
    pem: str
    own: bool


class TrustRequest(Why):
    """Whose key to believe: an Ed25519 public key in PEM."""

    pem: Annotated[str, StringConstraints(max_length=LONGEST_PEM)]


@router.get("/v1/key")
def show_key(services: Given) -> KnownKey:
    """The installation's public key; the key is made when there is none yet."""
    return _known(installation_key(services.home).public, own=True)


@router.get("/v1/keys")
def list_keys(services: Given) -> list[KnownKey]:
    """All keys whose signatures count here, the installation's own first."""
    own = show_key(services)
    others = [key for _, key in sorted(trusted_keys(services.home).items()) if key.id != own.id]
    return [own, *(_known(key, own=False) for key in others)]


@router.post("/v1/keys")
def trust_key(services: Given, body: TrustRequest, actor: Actor) -> KnownKey:
    """Believes another installation's signatures from now on. A key that is believed already stays so."""
    key = read_public(body.pem, "what was sent")
    for known in list_keys(services):
        if known.id == key.id:
            return known
    _enter(services, "key.trust", key.id, actor, body.reason)  # before the effect: no key counts without its entry
    trust(services.home, key)
    return _known(key, own=False)


@router.delete("/v1/keys/{identity}", status_code=204)
def distrust_key(services: Given, identity: KeyId, actor: Actor, reason: Reason = "") -> Response:
    """Doesn't believe a key any more. What was taken in under it stays. The beginning of its id will do, from eight digits on."""
    identity = _meant(identity, list_keys(services))
    if identity == installation_key(services.home).public.id:
        raise Conflict("this is the installation's own key", "images that it has signed would count no more")
    _enter(services, "key.distrust", identity, actor, reason)
    distrust(services.home, identity)
    return Response(status_code=204)


def _meant(given: str, keys: Sequence[KnownKey]) -> str:
    """The id of the key that is meant. Raises NotFound, Conflict."""
    found = [key.id for key in keys if key.id.startswith(given)]
    if not found:
        raise NotFound(f"no key {given[:16]} is trusted", "`stoneware key list` shows them")
    if len(found) > 1:
        raise Conflict(
            f"{len(found)} keys begin with {given}",
            "give more digits; `stoneware key list` shows them",
            code="name-ambiguous",
        )
    return found[0]


def _known(key: PublicKey, own: bool) -> KnownKey:
    return KnownKey(id=key.id, pem=key.pem, own=own)


def _enter(services: Services, verb: str, identity: str, actor: str, reason: str) -> None:
    services.enter(verb, identity, actor, reason)
