"""Entity tags (RFC 9110, sections 8.8.3 and 13.1.1): what is changed is what the caller has seen, or nothing is changed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Annotated, Any

from fastapi import Header

from stoneware.api.problems import PreconditionFailed
from stoneware.model.noun import Noun

IfMatch = Annotated[str | None, Header(alias="If-Match", max_length=1000)]
WITH_ETAG: dict[int | str, dict[str, Any]] = {
    200: {"headers": {"ETag": {"description": "for `If-Match`, when it is changed", "schema": {"type": "string"}}}}
}


def etag_of(seen: Noun) -> str:
    """A strong tag: another one for whatever else is said of it."""
    return f'"{hashlib.sha256(seen.model_dump_json().encode()).hexdigest()[:32]}"'


def must_match(if_match: str | None, look: Callable[[], Noun]) -> None:
    """Raises PreconditionFailed when there is a condition and what is there now doesn't meet it."""
    if if_match is None or if_match.strip() == "*":
        return
    if etag_of(look()) not in [tag.strip() for tag in if_match.split(",")]:
        raise PreconditionFailed(
            "it isn't any more what you have seen; nothing was changed", "look again, then decide", code="plan-outdated"
        )
