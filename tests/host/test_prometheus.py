"""A query of a Prometheus server: one value, none, or a refusal in words."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest

from stoneware.errors import Unreachable
from stoneware.host.prometheus import query_value

ANSWERS = {
    "one": {"status": "success", "data": {"resultType": "vector", "result": [{"metric": {}, "value": [1.5, "3.25"]}]}},
    "none": {"status": "success", "data": {"resultType": "vector", "result": []}},
    "scalar": {"status": "success", "data": {"resultType": "scalar", "result": [1.5, "7"]}},
    "nan": {"status": "success", "data": {"resultType": "scalar", "result": [1.5, "NaN"]}},
    "two": {
        "status": "success",
        "data": {
            "resultType": "vector",
            "result": [{"metric": {}, "value": [1, "1"]}, {"metric": {}, "value": [1, "2"]}],
        },
    },
    "bad": {"status": "error", "errorType": "bad_data", "error": "parse error at char 3"},
    "else": {"hello": "world"},
}


@pytest.fixture
def server() -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            url = urlsplit(self.path)
            [query] = parse_qs(url.query)["query"]
            body = json.dumps(ANSWERS[query]).encode() if url.path == "/api/v1/query" else b"no"
            self.send_response(400 if query == "bad" else 200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Silent."""

    serving = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=serving.serve_forever, args=(0.05,), daemon=True).start()
    yield f"http://127.0.0.1:{serving.server_address[1]}"
    serving.shutdown()
    serving.server_close()


@pytest.mark.parametrize(("query", "value"), [("one", 3.25), ("none", None), ("scalar", 7.0)])
def test_a_value_or_none(server: str, query: str, value: float | None) -> None:
    assert query_value(f"{server}/", query) == value


def test_no_number_is_told_as_such(server: str) -> None:
    value = query_value(server, "nan")
    assert value is not None
    assert value != value


@pytest.mark.parametrize(
    ("query", "why"),
    [
        ("two", "has 2 values"),
        ("bad", "parse error at char 3"),
        ("else", "not like a Prometheus server|like a Prometheus"),
    ],
)
def test_everything_else_is_said(server: str, query: str, why: str) -> None:
    with pytest.raises(Unreachable, match=why):
        query_value(server, query)


def test_nobody_there() -> None:
    with pytest.raises(Unreachable, match="doesn't answer"):
        query_value("http://127.0.0.1:9", "up")
