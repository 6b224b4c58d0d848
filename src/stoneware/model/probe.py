"""Questions that are asked of a machine from outside: HTTP and TCP."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StrictInt, StrictStr, StringConstraints

from stoneware.model.noun import Noun

Port = Annotated[StrictInt, Field(ge=1, le=65535)]
UrlPath = Annotated[StrictStr, StringConstraints(pattern=r"^/[A-Za-z0-9._~!$&'()*+,;=:@%/?-]*$")]
"""A path and query as they stand in a request (RFC 3986, 3.3 and 3.4): what else is wanted is written with `%`."""


class HttpProbe(Noun):
    """GET `path` on `port` of the machine; good when the status is `status` and the answer contains `body`."""

    port: Port
    path: UrlPath = "/"
    status: Annotated[StrictInt, Field(ge=100, le=599)] = 200
    body: StrictStr | None = None


class TcpProbe(Noun):
    """Connect to `port` of the machine; good when something accepts."""

    port: Port


class Answer(Noun):
    """What came back: `ok`, and a sentence for people (`HTTP 200`, `connection refused`, `HTTP 503, expected 200`)."""

    ok: bool
    detail: str
