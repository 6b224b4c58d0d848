"""Statements under a signature: who signs, who is believed, and what exactly was said."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from stoneware.errors import Refused
from stoneware.host.signing_key import PublicKey, SigningKey
from stoneware.model.attestation import Statement
from stoneware.model.envelope import AGAIN, PAYLOAD_TYPE, Envelope, Signature, decoded, encoded, pae

NOT_TRUSTED = "isn't trusted here"


@dataclass(frozen=True)
class Verified:
    """A statement that was signed by these keys (their ids), all of them known."""

    statement: Statement
    keys: tuple[str, ...]


def sign(statement: Statement, key: SigningKey) -> Envelope:
    """The statement in an envelope, signed."""
    payload = statement.to_json()
    signature = Signature(keyid=key.public.id, sig=encoded(key.sign(pae(PAYLOAD_TYPE, payload))))
    return Envelope(payload=encoded(payload), payloadType=PAYLOAD_TYPE, signatures=[signature])


def verify(data: bytes, keys: Mapping[str, PublicKey], *, predicate_type: str, digest: str) -> Verified:
    """What an envelope (JSON) says of the image with this digest (`sha256:…`).

    `keys` are those that are believed, by id. Nothing of the payload is looked at before a signature of one of them holds.
    Raises Refused naming what is wrong: no envelope, another type, an unknown key, a wrong signature, another subject.
    """
    envelope = Envelope.from_json(data)
    if envelope.payload_type != PAYLOAD_TYPE:
        raise Refused(
            f"the attestation has the payload type {envelope.payload_type[:100]!r}, not {PAYLOAD_TYPE!r}",
            code="signature-invalid",
        )
    payload = decoded(envelope.payload, "payload")
    signers = _signers(envelope, pae(envelope.payload_type, payload), keys)
    statement = Statement.from_json(payload)
    if statement.predicate_type != predicate_type:
        raise Refused(
            f"the attestation is of the type {statement.predicate_type[:100]!r}, not {predicate_type!r}",
            code="signature-invalid",
        )
    if not statement.speaks_of(digest):
        raise Refused(
            f"the attestation doesn't speak of image {digest[:19]}",
            "fetch the attestation of this very image",
            code="signature-invalid",
        )
    return Verified(statement, signers)


def _signers(envelope: Envelope, message: bytes, keys: Mapping[str, PublicKey]) -> tuple[str, ...]:
    """The known keys that have signed. Another's signature beside theirs proves nothing and harms nothing."""
    if not envelope.signatures:
        raise Refused("the attestation has no signature", AGAIN, code="signature-invalid")
    known = [one for one in envelope.signatures if one.keyid in keys]
    if not known:
        named = ", ".join(
            repr(one.keyid[:16]) if one.keyid else "a key without a name" for one in envelope.signatures[:3]
        )
        raise Refused(
            f"the attestation is signed by {named}, which {NOT_TRUSTED}",
            "`stoneware key trust` takes the public key of its installation",
            code="signature-invalid",
        )
    for one in known:
        if not keys[one.keyid].verifies(decoded(one.sig, "signature"), message):
            raise Refused(
                f"the attestation's signature by {one.keyid[:16]} is wrong: it was changed, or isn't by that key",
                AGAIN,
                code="signature-invalid",
            )
    return tuple(sorted({one.keyid for one in known}))
