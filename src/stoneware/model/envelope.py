"""Signed envelopes: DSSE, version 1 (`protocol.md` and `envelope.md` of the Dead Simple Signing Envelope)."""

from __future__ import annotations

import base64
import binascii
import json

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from stoneware.errors import Refused

PAYLOAD_TYPE = "application/vnd.in-toto+json"
LONGEST_BYTES = 16 * 2**20
AGAIN = "bake or import the image again"


def pae(payload_type: str, payload: bytes) -> bytes:
    """What is signed: `DSSEv1 SP LEN(type) SP type SP LEN(payload) SP payload`. Lengths are of bytes, in ASCII decimals."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


class Signature(BaseModel):
    """`keyid` names the key, as a hint; `sig` is base64."""

    model_config = ConfigDict(frozen=True, strict=True)

    keyid: str = ""
    sig: str


class Envelope(BaseModel):
    """A payload in base64 with its type and signatures. Fields that we don't know are let pass, as DSSE asks of readers."""

    model_config = ConfigDict(frozen=True, strict=True)

    payload: str
    payload_type: str = Field(alias="payloadType")
    signatures: list[Signature]

    def to_json(self) -> bytes:
        """Canonical: sorted keys, no spaces."""
        return json.dumps(self.model_dump(by_alias=True), sort_keys=True, separators=(",", ":")).encode()

    @classmethod
    def from_json(cls, data: bytes) -> Envelope:
        """Reads one. Raises Refused for what is no envelope."""
        if len(data) > LONGEST_BYTES:
            raise Refused(f"the attestation has more than {LONGEST_BYTES} bytes", AGAIN, code="signature-invalid")
        try:
            return cls.model_validate_json(data)
        except ValidationError:
            raise Refused("the attestation is no DSSE envelope", AGAIN, code="signature-invalid") from None


def encoded(data: bytes) -> str:
    """Standard base64."""
    return base64.b64encode(data).decode()


def decoded(text: str, what: str) -> bytes:
    """Standard or URL-safe base64, which DSSE both allows, each in the one spelling of its bytes. Raises Refused."""
    altchars = b"-_" if "-" in text or "_" in text else b"+/"
    try:
        data = base64.b64decode(text, altchars, validate=True)
    except (binascii.Error, ValueError):
        raise Refused(f"the attestation's {what} is no base64", code="signature-invalid") from None
    if base64.b64encode(data, altchars).decode() != text:
        raise Refused(f"the attestation's {what} is no base64", code="signature-invalid")
    return data
