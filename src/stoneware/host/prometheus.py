"""The door to a Prometheus server: one instant query, one value."""

from __future__ import annotations

import httpx
from pydantic import BaseModel, ValidationError

from stoneware.errors import Unreachable

LIMIT_S = 10.0
LARGEST_ANSWER = 2**20


class _Sample(BaseModel):
    value: tuple[float, float]


class _Data(BaseModel):
    resultType: str
    result: list[_Sample] | tuple[float, float]


class _Answer(BaseModel):
    status: str
    data: _Data | None = None
    error: str = ""


def query_value(url: str, query: str) -> float | None:
    """The value of an instant query (`GET /api/v1/query` of Prometheus' HTTP API); None when nothing matches it.

    Raises Unreachable when the server doesn't answer, refuses the query, or has more than one value for it.
    """
    try:
        with httpx.Client(timeout=LIMIT_S) as client:
            response = client.get(f"{url.rstrip('/')}/api/v1/query", params={"query": query})
        answer = _Answer.model_validate_json(response.content[:LARGEST_ANSWER])
    except (httpx.HTTPError, httpx.InvalidURL) as broken:
        raise Unreachable(f"{url} doesn't answer: {str(broken) or type(broken).__name__}") from broken
    except ValidationError as broken:
        raise Unreachable(f"{url} doesn't answer like a Prometheus server (HTTP {response.status_code})") from broken
    if answer.status != "success" or answer.data is None:
        raise Unreachable(f"{url} refuses the query: {answer.error[:200] or answer.status}")
    found = answer.data.result
    if isinstance(found, tuple):
        return found[1]
    if len(found) > 1:
        raise Unreachable(f"the query has {len(found)} values, not one", "aggregate it, such as with sum()")
    return found[0].value[1] if found else None
