"""Signatures of messages."""

from __future__ import annotations

import base64
import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stoneware.decide.webhook import fingerprint, is_too_short, is_worth_a_look, why_not_believed
from stoneware.model.trigger import Form

SECRET, BODY, NOW = b"It's a Secret to Everybody", b"Hello, World!", 1_000_000.0
KNOWN = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
"""The example that GitHub's documentation gives for this secret and this body."""


def standard(body: bytes = BODY, at: float = NOW, key: bytes = SECRET, identity: str = "m1") -> dict[str, str]:
    signed = f"{identity}.{at:.0f}.".encode() + body
    made = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    return {"webhook-id": identity, "webhook-timestamp": f"{at:.0f}", "webhook-signature": f"v1,AAAA v1,{made}"}


@pytest.mark.parametrize(
    ("form", "headers"),
    [
        ("github", {"x-hub-signature-256": f"sha256={KNOWN}"}),
        ("gitea", {"x-gitea-signature": KNOWN}),
        ("gitlab", {"x-gitlab-token": SECRET.decode()}),
        ("gitlab", standard()),
    ],
)
def test_what_is_signed_is_believed(form: Form, headers: dict[str, str]) -> None:
    assert why_not_believed(form, SECRET, headers, BODY, NOW) is None
    assert why_not_believed(form, b"another", headers, BODY, NOW)
    assert why_not_believed(form, b"", headers, BODY, NOW)
    if "x-gitlab-token" not in headers:
        assert why_not_believed(form, SECRET, headers, BODY + b" ", NOW)
    assert why_not_believed(form, SECRET, {}, BODY, NOW)


@pytest.mark.parametrize(
    ("form", "headers"),
    [
        ("github", {"x-hub-signature-256": KNOWN}),
        ("github", {"x-hub-signature": f"sha256={KNOWN}"}),
        ("github", {"x-hub-signature-256": "sha256=é"}),
        ("gitea", {"x-hub-signature-256": f"sha256={KNOWN}"}),
        ("gitlab", {"x-gitlab-token": ""}),
        ("gitlab", standard(at=NOW - 301)),
        ("gitlab", standard(at=NOW + 301)),
        ("gitlab", {**standard(), "webhook-id": "m2"}),
        ("gitlab", {**standard(), "webhook-timestamp": "²"}),
        ("gitlab", {**standard(), "webhook-timestamp": "9" * 400}),
        ("gitlab", {**standard(key=b"x"), "x-gitlab-token": SECRET.decode()}),
    ],
)
def test_what_is_not_signed_so_is_not(form: Form, headers: dict[str, str]) -> None:
    assert why_not_believed(form, SECRET, headers, BODY, NOW)


def test_a_key_may_be_written_as_the_specification_writes_it() -> None:
    written = b"whsec_" + base64.b64encode(b"12345678901234567890")
    assert why_not_believed("gitlab", written, standard(key=b"12345678901234567890"), BODY, NOW) is None


@given(st.sampled_from(["github", "gitea", "gitlab"]), st.dictionaries(st.text(), st.text(), max_size=5), st.binary())
def test_nothing_made_up_is_believed(form: Form, headers: dict[str, str], body: bytes) -> None:
    names = (
        "x-hub-signature-256",
        "x-gitea-signature",
        "x-gitlab-token",
        "webhook-signature",
        "webhook-id",
        "webhook-timestamp",
    )
    made_up = dict(zip(names, headers.values(), strict=False)) | headers
    assert why_not_believed(form, SECRET, made_up, body, NOW)
    fingerprint(1, form, made_up, body)


def test_a_message_is_known_by_what_is_signed() -> None:
    assert fingerprint(1, "github", {"x-github-delivery": "1"}, BODY) == fingerprint(
        1, "github", {"x-github-delivery": "2"}, BODY
    )
    assert fingerprint(1, "gitlab", standard(), BODY) != fingerprint(1, "gitlab", standard(identity="m2"), BODY)
    assert fingerprint(1, "github", {}, BODY) != fingerprint(1, "gitea", {}, BODY)
    assert fingerprint(1, "github", {}, BODY) != fingerprint(2, "github", {}, BODY)


def test_other_events_are_none_of_ours() -> None:
    assert is_worth_a_look("github", {"x-github-event": "push"})
    assert not is_worth_a_look("github", {"x-github-event": "ping"})
    assert is_worth_a_look("gitlab", {"x-gitlab-event": "Tag Push Hook"})
    assert not is_worth_a_look("gitea", {})


@pytest.mark.parametrize("secret", [b"", b"whsec_", b"whsec_ "])
@pytest.mark.parametrize("form", ["github", "gitea", "gitlab"])
def test_nobody_signs_with_nothing(form: Form, secret: bytes) -> None:
    made = hmac.new(b"", BODY, hashlib.sha256).hexdigest()
    signed = {"x-hub-signature-256": f"sha256={made}", "x-gitea-signature": made, "x-gitlab-token": secret.decode()}
    assert why_not_believed(form, secret, signed, BODY, NOW) == "there is no secret to check it with"
    assert why_not_believed(form, secret, {**signed, **standard(key=b"")}, BODY, NOW)


@pytest.mark.parametrize(
    ("secret", "too_short"),
    [(b"x" * 11, True), (b"x" * 12, False), (b"whsec_" + b"A" * 12, True), (b"whsec_" + b"A" * 16, False), (b"", True)],
)
def test_what_is_too_short_to_prove_anything(secret: bytes, too_short: bool) -> None:
    assert is_too_short(secret) is too_short
