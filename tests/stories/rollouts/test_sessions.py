"""What was begun on the old version may finish there: a websocket, a download and a client with its cookie, until the deadline."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

import pytest
from tests.support.answering import line
from tests.support.callers import Caller, Callers, Download, Websocket
from tests.support.quay import Berth, monotonic_of
from tests.support.town import await_true

DRAIN_S = 10.0
MAX_SESSION_S = 3.0
LINES = 150


@pytest.mark.host
def test_long_business_lives_on_the_old_version_until_the_deadline_and_not_longer(berth: Callable[..., Berth]) -> None:
    it = berth(
        "sessions",
        rollout={"drain": f"{DRAIN_S:g}s"},
        service={"sticky": True, "max_session": f"{MAX_SESSION_S:g}s"},
    )
    it.deploy("1")
    with Callers(it.address) as callers:
        person = Caller(it.address, keeps=True)
        assert person.ask()[1] == "1"
        socket, endless = Websocket(it.address), Download(it.address, 3000)
        it.begin("2")
        await_true(lambda: bool(callers.answers) and callers.answers[-1].version == "2", 60)
        with pytest.raises(AssertionError):  # those who are new get nothing of the old version
            await_true(lambda: callers.answers[-1].version == "1", 0.5)
        assert person.ask()[1] == "1"

        drain = it.reach("DRAINING")
        known = it.status()
        assert re.match(r"the old machines are finishing; 2 requests are open, \d+ clients stay", drain["because"])
        pool = next(pool for pool in known["routes"][0]["pools"].values() if "-web-r1" in pool["fleet"])
        assert sum(member["open_requests"] for member in pool["members"]) == 2
        assert pool["sessions"] >= 1

        await_true(lambda: person.ask()[1] == "2", MAX_SESSION_S + 2)
        assert socket.cut_at is None, "a client's time is over before that of long business"

        deadline = monotonic_of(drain["state_since"]) + DRAIN_S
        socket.wait(DRAIN_S + 10)
        endless.wait(10)
        assert it.ended()["result"] == "SUCCEEDED"
    for one in (socket, endless):
        assert one.cut_at is not None
        assert deadline - 0.3 < one.cut_at < deadline + 4, "cut at the deadline, not before"
        assert one.cut_at - one.last_at < 1, "it lived to the end"
    assert socket.got.startswith(b"1 hello ")
    assert endless.got == b"".join(line("1", n) for n in range(3000))[: len(endless.got)]
    assert callers.failures == []
    assert {one.version for one in callers.between(deadline, time.monotonic())} == {"2"}
    assert person.ask()[1] == "2", "its time on the old version is over"


@pytest.mark.host
def test_a_download_that_ends_in_time_is_whole(berth: Callable[..., Berth]) -> None:
    it = berth("downloads", rollout={"drain": "60s"})
    it.deploy("1")
    with Callers(it.address) as callers:
        it.begin("2")
        download = Download(it.address, LINES)
        it.reach("DRAINING")
        assert download.cut_at is None, "it was to take longer"
        began = time.monotonic()
        assert it.ended()["result"] == "SUCCEEDED"
        assert time.monotonic() - began < 30, "nobody waits for the deadline when all is done"
    assert download.got == b"".join(line("1", n) for n in range(LINES))
    assert callers.failures == []
