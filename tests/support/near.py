"""A client whose daemon is in this process: the same requests and errors, without a socket."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
from fastapi.testclient import TestClient

from stoneware.client import Client


class Answer(io.BytesIO):
    """As much of `http.client.HTTPResponse` as the client reads."""

    def __init__(self, response: httpx.Response) -> None:
        super().__init__(response.content)
        self.status, self.headers = response.status_code, response.headers


class Line:
    """As much of `http.client.HTTPConnection` as the client uses."""

    def __init__(self, http: TestClient) -> None:
        self._http = http

    def request(self, method: str, target: str, body: bytes | None, headers: Mapping[str, str]) -> None:
        self._response = self._http.request(method, target, content=body, headers={**headers, **self._http.headers})

    def getresponse(self) -> Answer:
        return Answer(self._response)

    def close(self) -> None:
        pass


class NearClient(Client):
    """Asks an application through its test client."""

    def __init__(self, http: TestClient) -> None:
        super().__init__(Path("nowhere"))
        self._http = http

    def _line(self, limit_s: float | None) -> Any:
        return Line(self._http)
