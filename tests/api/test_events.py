"""The story of an operation as it happens: server-sent events, journal, and the log of its programs."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import httpx
import pytest
from starlette.types import Message, Scope
from tests.api.house import House, declaration

from stoneware.api import operations


def test_events_tell_every_line_and_end_with_the_result(house: House) -> None:
    operation = house.deploy()
    events = house.events(operation)
    assert {name for name, _ in events} == {"journal", "state", "end"}
    assert [name for name, _ in events].index("end") == len(events) - 1
    assert events[-1][1] == house.http.get(f"/v1/operations/{operation}").json()
    lines = [data for name, data in events if name == "journal"]
    assert lines == house.http.get(f"/v1/operations/{operation}/journal").json()
    assert [line["seq"] for line in lines] == list(range(1, len(lines) + 1))
    assert lines[-1]["text"] == "SUCCEEDED: release 1 is current"


def test_a_listener_that_comes_back_hears_what_it_missed(house: House) -> None:
    operation = house.deploy()
    whole = [data["seq"] for name, data in house.events(operation) if name == "journal"]
    rest = [data["seq"] for name, data in house.events(operation, after=3) if name == "journal"]
    assert rest == whole[3:]
    journal = house.http.get(f"/v1/operations/{operation}/journal", params={"after": 3}).json()
    assert [line["seq"] for line in journal] == rest


def test_each_event_is_a_block_with_an_id_to_come_back_to(house: House) -> None:
    operation = house.deploy()
    answer = house.http.get(f"/v1/operations/{operation}/events")
    assert answer.headers["Content-Type"] == "text/event-stream; charset=utf-8"
    ids = [int(line[4:]) for line in answer.text.splitlines() if line.startswith("id: ")]
    assert all(a + 1 == b for a, b in pairwise(ids))
    assert answer.text.endswith("}\n\n")


def test_silence_is_broken_now_and_then_and_holds_no_thread(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operations, "LONGEST_SILENCE_S", 0.0)
    paused = house.deploy(declaration(bake_time="1h"))
    house.until_state(paused, "SOAKING")
    listeners = 60  # more than the threads that answer requests
    path = f"/v1/operations/{paused}/events"
    heard = asyncio.run(_listen(house, path, listeners))
    assert heard == [b": nothing new\n\n"] * listeners


async def _listen(house: House, path: str, listeners: int) -> list[bytes]:
    """Opens that many streams at once, waits in each for a comment, then asks something else, then hangs up."""
    transport = httpx.ASGITransport(app=house.daemon.app)
    hung_up = asyncio.Event()
    comments: list[asyncio.Future[bytes]] = [asyncio.get_running_loop().create_future() for _ in range(listeners)]

    async def stream(comment: asyncio.Future[bytes]) -> None:
        scope: Scope = {"type": "http", "method": "GET", "path": path, "raw_path": path.encode(), "headers": []}
        scope |= {"query_string": b"", "http_version": "1.1", "scheme": "http", "server": ("stoneware", 80)}
        scope |= {"client": None, "root_path": "", "asgi": {"version": "3.0", "spec_version": "2.3"}}

        async def receive() -> Message:
            await hung_up.wait()
            return {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            if message.get("body", b"").startswith(b":") and not comment.done():
                comment.set_result(message["body"])

        await house.daemon.app(scope, receive, send)

    streams = [asyncio.create_task(stream(comment)) for comment in comments]
    heard = await asyncio.wait_for(asyncio.gather(*comments), timeout=20)
    async with httpx.AsyncClient(transport=transport, base_url="http://stoneware") as other:
        assert (await asyncio.wait_for(other.get("/v1/about"), timeout=5)).status_code == 200
    hung_up.set()
    await asyncio.wait_for(asyncio.gather(*streams), timeout=5)
    return list(heard)


def test_the_log_goes_on_where_one_stopped(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operations, "LOG_PIECE_BYTES", 10)
    operation, text = house.deploy(), "STEP 1: größe\nSTEP 2: ✓✓✓\n"
    (house.home.logs / f"{operation}.log").write_text(text)
    pieces, offset = [], 0
    while True:
        answer = house.http.get(f"/v1/operations/{operation}/log", params={"offset": offset})
        assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
        if not answer.text:
            break
        pieces.append(answer.text)
        offset = int(answer.headers["X-Next-Offset"])
    assert "".join(pieces) == text
    assert offset == len(text.encode())


def test_a_letter_that_is_half_way_written_waits(house: House) -> None:
    operation = house.deploy()
    log, path = house.home.logs / f"{operation}.log", f"/v1/operations/{operation}/log"
    log.write_bytes(b"gr\xc3")
    first = house.http.get(path)
    log.write_bytes("größe".encode())
    second = house.http.get(path, params={"offset": first.headers["X-Next-Offset"]})
    assert (first.text, second.text) == ("gr", "öße")


@pytest.mark.parametrize("offset", [0, 99, 2**53 - 1])
def test_where_nothing_is_written_there_is_nothing_to_read(house: House, offset: int) -> None:
    operation = house.deploy()
    answer = house.http.get(f"/v1/operations/{operation}/log", params={"offset": offset})
    assert (answer.status_code, answer.text, answer.headers["X-Next-Offset"]) == (200, "", str(offset))
