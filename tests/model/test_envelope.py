"""DSSE's envelope: what is signed, byte for byte, and which base64 is one."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stoneware.errors import Refused
from stoneware.model.envelope import LONGEST_BYTES, Envelope, Signature, decoded, encoded, pae


@pytest.mark.parametrize(
    ("type_", "payload", "signed"),
    [
        ("http://example.com/HelloWorld", b"hello world", b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"),
        ("", b"", b"DSSEv1 0  0 "),
        ("é", b"\x00\xff", b"DSSEv1 2 \xc3\xa9 2 \x00\xff"),
    ],
)
def test_what_is_signed_is_as_the_specification_says(type_: str, payload: bytes, signed: bytes) -> None:
    """The first is the specification's own example (protocol.md)."""
    assert pae(type_, payload) == signed


@given(st.tuples(st.text(), st.binary()), st.tuples(st.text(), st.binary()))
def test_no_two_payloads_are_signed_as_the_same_bytes(one: tuple[str, bytes], other: tuple[str, bytes]) -> None:
    assert (pae(*one) == pae(*other)) == (one == other)


@given(st.binary())
def test_both_forms_of_base64_are_read(data: bytes) -> None:
    assert decoded(encoded(data), "payload") == data
    assert decoded(base64.urlsafe_b64encode(data).decode(), "payload") == data


@pytest.mark.parametrize("text", ["YQ", "YQ=", "YR==", "YQ==\n", "Y Q==", "+_8=", "é", "====", "YQ==YQ=="])
def test_what_is_no_base64_is_refused(text: str) -> None:
    with pytest.raises(Refused, match="payload is no base64"):
        decoded(text, "payload")


def test_an_envelope_is_read_back_and_unknown_fields_are_let_pass() -> None:
    envelope = Envelope(payload="YQ==", payloadType="x", signatures=[Signature(keyid="k", sig="Yg==")])
    assert envelope.to_json() == b'{"payload":"YQ==","payloadType":"x","signatures":[{"keyid":"k","sig":"Yg=="}]}'
    assert Envelope.from_json(envelope.to_json()) == envelope
    assert Envelope.from_json(envelope.to_json().replace(b'"payload":', b'"more":[1],"payload":', 1)) == envelope
    nameless = Envelope.from_json(b'{"payload":"","payloadType":"x","signatures":[{"sig":""}]}')
    assert nameless.signatures[0].keyid == ""


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff",
        b"null",
        b"{}",
        b"[" * 100_000,
        b'{"payload":"","payloadType":"x"}',
        b'{"payload":1,"payloadType":"x","signatures":[]}',
        b'{"payload":"","payloadType":"x","signatures":[{"keyid":"k"}]}',
        b'{"payload":"","payloadType":"x","signatures":{}}',
    ],
)
def test_what_is_no_envelope_is_refused(data: bytes) -> None:
    with pytest.raises(Refused, match="no DSSE envelope"):
        Envelope.from_json(data)


def test_what_is_too_long_is_not_even_read() -> None:
    with pytest.raises(Refused, match="more than"):
        Envelope.from_json(b" " * (LONGEST_BYTES + 1))
