"""Secrets: values come in through here, sealed at once, and never leave again."""

from __future__ import annotations

import base64
import binascii
from typing import Annotated

from fastapi import APIRouter, Response
from pydantic import Field, SecretStr
from pydantic.config import JsonDict

from stoneware.api.services import Actor, Given, Name, Reason, Why
from stoneware.errors import BadInput
from stoneware.model.noun import Noun
from stoneware.model.secret import LARGEST_BYTES, Secret
from stoneware.operations.vault import Vault

router = APIRouter(tags=["secrets"])
BASE64 = r"^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{4}|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{2}==)$"
SHAPE: JsonDict = {"minLength": 4, "pattern": BASE64}
"""What the document says of it, and `require_fit` and the decoding say in plainer words than a validator's."""
LONGEST = (LARGEST_BYTES + 2) // 3 * 4
"""Characters that 65536 bytes come to. It has room for two bytes more, which are refused in plainer words."""


class SecretRequest(Why):
    """A value in base64 (RFC 4648, section 4): any bytes, 1 to 65536 of them."""

    value: Annotated[SecretStr, Field(max_length=LONGEST, json_schema_extra=SHAPE)]


class SecretSet(Noun):
    """The version that holds the value. `made` is False when the newest one held it already."""

    secret: Secret
    made: bool


@router.get("/v1/secrets")
def list_secrets(services: Given) -> list[Secret]:
    """The newest version of each secret; never a value."""
    return services.store.secrets.list()


@router.post("/v1/secrets/{name}")
def set_secret(services: Given, name: Name, body: SecretRequest, actor: Actor) -> SecretSet:
    """Sets a secret: a new version, unless the newest one has this value. What runs keeps the version that its release pins."""
    vault = Vault(services.store, services.home)
    secret, made = vault.set(name, _decoded(body.value), actor, body.reason)
    return SecretSet(secret=secret, made=made)


@router.delete("/v1/secrets/{name}", status_code=204)
def delete_secret(services: Given, name: Name, actor: Actor, reason: Reason = "") -> Response:
    """Deletes a secret with all its versions; refused while a retained release pins one."""
    services.store.secrets.delete(name, actor, reason)
    return Response(status_code=204)


def _decoded(value: SecretStr) -> bytes:
    try:
        return base64.b64decode(value.get_secret_value(), validate=True)
    except (binascii.Error, ValueError):  # ValueError: letters beyond ASCII; `from None`: no part is shown
        raise BadInput("the value isn't base64", next_step="send it as RFC 4648, section 4, says") from None
