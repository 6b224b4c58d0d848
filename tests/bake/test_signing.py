"""Signed statements: what holds is believed, and everything else has an error of its own."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.bake.facts import BAKED, IMAGE, TESTED

from stoneware.bake.provenance import boot_test, provenance
from stoneware.bake.signing import sign, verify
from stoneware.errors import Refused
from stoneware.host.home import Home
from stoneware.host.signing_key import SigningKey, installation_key
from stoneware.model.attestation import BOOT_TEST, PROVENANCE
from stoneware.model.envelope import PAYLOAD_TYPE, Signature, encoded, pae


@pytest.fixture
def make(tmp_path: Path) -> Callable[[str], SigningKey]:
    """Another installation's key, by name."""

    def key(name: str) -> SigningKey:
        (tmp_path / name).mkdir(exist_ok=True)
        return installation_key(Home(tmp_path / name))

    return key


@pytest.fixture
def key(make: Callable[[str], SigningKey]) -> SigningKey:
    return make("ours")


def checked(data: bytes, *keys: SigningKey, predicate_type: str = PROVENANCE, digest: str = IMAGE) -> Any:
    known = {key.public.id: key.public for key in keys}
    return verify(data, known, predicate_type=predicate_type, digest=digest)


def test_what_was_signed_is_believed(key: SigningKey) -> None:
    statement = provenance(BAKED)
    found = checked(sign(statement, key).to_json(), key)
    assert (found.statement, found.keys) == (statement, (key.public.id,))
    tested = checked(sign(boot_test(TESTED), key).to_json(), key, predicate_type=BOOT_TEST)
    assert tested.statement == boot_test(TESTED)


def test_the_same_statement_is_signed_with_the_same_bytes(key: SigningKey) -> None:
    assert sign(provenance(BAKED), key).to_json() == sign(provenance(BAKED), key).to_json()


def test_a_file_of_the_image_is_a_subject_too(key: SigningKey) -> None:
    assert checked(sign(provenance(BAKED), key).to_json(), key, digest="sha256:" + "01" * 32).keys


def test_a_stranger_is_not_believed(key: SigningKey, make: Callable[[str], SigningKey]) -> None:
    data = sign(provenance(BAKED), make("stranger")).to_json()
    with pytest.raises(Refused, match="isn't trusted here") as wrong:
        checked(data, key)
    assert make("stranger").public.id[:16] in str(wrong.value)
    with pytest.raises(Refused, match="isn't trusted here"):
        checked(data)


def test_a_stranger_with_our_name_is_not_believed(key: SigningKey, make: Callable[[str], SigningKey]) -> None:
    forged = json.loads(sign(provenance(BAKED), make("stranger")).to_json())
    forged["signatures"][0]["keyid"] = key.public.id
    with pytest.raises(Refused, match="is wrong"):
        checked(json.dumps(forged).encode(), key)


def test_another_signature_beside_ours_harms_nothing_and_proves_nothing(
    key: SigningKey, make: Callable[[str], SigningKey]
) -> None:
    other = make("other")
    envelope = sign(provenance(BAKED), key)
    theirs = sign(provenance(BAKED), other).signatures[0]
    both = envelope.model_copy(update={"signatures": [theirs, *envelope.signatures]}).to_json()
    assert checked(both, key).keys == (key.public.id,)
    assert checked(both, key, other).keys == tuple(sorted((key.public.id, other.public.id)))
    broken = theirs.model_copy(update={"sig": encoded(b"\0" * 64)})
    spoilt = envelope.model_copy(update={"signatures": [*envelope.signatures, broken]}).to_json()
    assert checked(spoilt, key).keys == (key.public.id,)
    with pytest.raises(Refused, match="is wrong"):  # a known key's signature that is wrong is no accident
        checked(spoilt, key, other)


def test_a_changed_payload_is_refused(key: SigningKey) -> None:
    envelope = sign(provenance(BAKED), key)
    changed = sign(provenance(BAKED.model_copy(update={"dirty": False})), key)
    with pytest.raises(Refused, match="is wrong"):
        checked(envelope.model_copy(update={"payload": changed.payload}).to_json(), key)


def test_a_signature_of_the_bare_payload_is_refused(key: SigningKey) -> None:
    envelope = sign(provenance(BAKED), key)
    bare = Signature(keyid=key.public.id, sig=encoded(key.sign(provenance(BAKED).to_json())))
    with pytest.raises(Refused, match="is wrong"):
        checked(envelope.model_copy(update={"signatures": [bare]}).to_json(), key)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"payloadType": "application/json"}, "payload type 'application/json'"),
        ({"payload": "***"}, "payload is no base64"),
        ({"payload": ""}, "is wrong"),
        ({"signatures": []}, "has no signature"),
        ({"signatures": [{"sig": "AAAA"}]}, "a key without a name"),
        ({"signatures": [{"keyid": "\x1b[2J", "sig": "AAAA"}]}, r"'\\x1b\[2J'"),
        ({"signatures": None}, "no DSSE envelope"),
    ],
)
def test_every_wrong_has_its_own_words(change: dict[str, Any], why: str, key: SigningKey) -> None:
    envelope = json.loads(sign(provenance(BAKED), key).to_json())
    with pytest.raises(Refused, match=why):
        checked(json.dumps({**envelope, **change}).encode(), key)


@pytest.mark.parametrize(("sig", "why"), [("*", "signature is no base64"), ("", "is wrong"), ("AAAA", "is wrong")])
def test_a_signature_that_is_none_is_refused(sig: str, why: str, key: SigningKey) -> None:
    envelope = json.loads(sign(provenance(BAKED), key).to_json())
    envelope["signatures"][0]["sig"] = sig
    with pytest.raises(Refused, match=why):
        checked(json.dumps(envelope).encode(), key)


def test_the_statement_must_be_of_this_image_and_of_this_type(key: SigningKey) -> None:
    data = sign(provenance(BAKED), key).to_json()
    with pytest.raises(Refused, match="doesn't speak of image sha256:000000000000"):
        checked(data, key, digest="sha256:" + "00" * 32)
    with pytest.raises(Refused, match="is of the type"):
        checked(data, key, predicate_type=BOOT_TEST)


def test_a_signed_payload_that_is_no_statement_is_refused(key: SigningKey) -> None:
    payload = b'{"_type":"other"}'
    envelope = sign(provenance(BAKED), key)
    signature = Signature(keyid=key.public.id, sig=encoded(key.sign(pae(PAYLOAD_TYPE, payload))))
    data = envelope.model_copy(update={"payload": encoded(payload), "signatures": [signature]}).to_json()
    with pytest.raises(Refused, match="no in-toto statement"):
        checked(data, key)
