"""Whether a message really comes from whom it should: the signatures of GitHub, Gitea and GitLab, over the bytes as they came.

GitHub and Gitea sign the body (HMAC-SHA256 in hex digits). GitLab signs as the Standard Webhooks specification says: id, time
and body; one that is older than that form sends the secret itself, which is compared and proves less.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping

from stoneware.model.trigger import Form

TOLERANCE_S = 300.0
"""How far the time of a signed message may be from ours (Standard Webhooks)."""
PREFIX = "whsec_"
SHORTEST_SECRET = 12
"""Bytes: who has one signed message can try shorter ones until one fits."""
EVENTS: dict[Form, str] = {"github": "x-github-event", "gitea": "x-gitea-event", "gitlab": "x-gitlab-event"}
WORTH_A_LOOK: dict[Form, tuple[str, ...]] = {
    "github": ("push", "create"),
    "gitea": ("push", "create"),
    "gitlab": ("push hook", "tag push hook"),
}


def is_too_short(secret: bytes) -> bool:
    """Whether a secret proves nothing, as what signs or as what is sent itself."""
    return len(_key(secret)) < SHORTEST_SECRET


def is_worth_a_look(form: Form, headers: Mapping[str, str]) -> bool:
    """Whether the message is about refs that moved. `headers` have lower-case names, here and below."""
    return headers.get(EVENTS[form], "").lower() in WORTH_A_LOOK[form]


def why_not_believed(form: Form, secret: bytes, headers: Mapping[str, str], body: bytes, now: float) -> str | None:
    """Why the message isn't believed; None when its signature is right. Says nothing of what would have been right."""
    if not _key(secret):  # also one that says whsec_ and nothing behind it: anybody can sign with that
        return "there is no secret to check it with"
    if form == "github":
        return _plain(headers.get("x-hub-signature-256", ""), "sha256=", secret, body)
    if form == "gitea":
        return _plain(headers.get("x-gitea-signature", ""), "", secret, body)
    if "webhook-signature" in headers:
        return _standard(secret, headers, body, now)
    token = headers.get("x-gitlab-token", "")
    return None if token and _same(token, secret.decode("utf-8", "replace")) else "it isn't signed with the secret"


def fingerprint(trigger: int, form: Form, headers: Mapping[str, str], body: bytes) -> str:
    """What a message to a trigger is known by when it comes a second time: of what is signed, for headers that aren't may be made
    up (hex). Triggers of one repository and one secret get the same message each."""
    signed = headers.get("webhook-id", "") if form == "gitlab" and "webhook-signature" in headers else ""
    return hashlib.sha256(f"{trigger}\0{form}\0{signed}\0".encode() + body).hexdigest()


def _plain(given: str, prefix: str, secret: bytes, body: bytes) -> str | None:
    if not given:
        return "it isn't signed"
    made = prefix + hmac.new(secret, body, hashlib.sha256).hexdigest()
    return None if _same(given, made) else "it isn't signed with the secret"


def _standard(secret: bytes, headers: Mapping[str, str], body: bytes, now: float) -> str | None:
    identity, moment = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not identity or not (moment.isascii() and moment.isdigit() and len(moment) < 16):
        return "its id or its time is missing"
    if abs(now - int(moment)) > TOLERANCE_S:
        return "it is of another time"
    signed = identity.encode() + b"." + moment.encode() + b"." + body
    made = "v1," + base64.b64encode(hmac.new(_key(secret), signed, hashlib.sha256).digest()).decode()
    known = any(_same(one, made) for one in headers["webhook-signature"].split(" ")[:8])
    return None if known else "it isn't signed with the secret"


def _key(secret: bytes) -> bytes:
    """The key's bytes: what follows `whsec_` is base64."""
    if not secret.startswith(PREFIX.encode()):
        return secret
    try:
        return base64.b64decode(secret.removeprefix(PREFIX.encode()).strip(), validate=True)
    except (binascii.Error, ValueError):
        return secret


def _same(given: str, made: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "replace"), made.encode("utf-8", "replace"))
