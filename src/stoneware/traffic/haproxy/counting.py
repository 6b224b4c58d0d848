"""What a proxy counted, read from its statistics and its table of times."""

from __future__ import annotations

import re

from stoneware.model.measure import BOUNDS_MS, Counters
from stoneware.traffic.haproxy.config import TIMES
from stoneware.traffic.haproxy.process import Proxy

ANSWERS = ("hrsp_1xx", "hrsp_2xx", "hrsp_3xx", "hrsp_4xx", "hrsp_5xx", "hrsp_other")
FAILURES = ("hrsp_5xx", "econ", "eresp")
"""Bad answers of the machine, failed connections to it, and answers that broke off (HAProxy's management guide, 9.1)."""

_KEY = re.compile(r"key=(\S+)")
_COUNT = re.compile(r"gpc(\d+)=(\d+)")
_USED = re.compile(r"used:(\d+)")


def read_counters(proxy: Proxy) -> dict[str, Counters]:
    """By machine. One that stands in two pools has the sum of both."""
    times, found = _times(proxy), dict[str, Counters]()
    for row in proxy.table("show stat"):
        if row["svname"] in ("FRONTEND", "BACKEND"):
            continue
        failed = sum(_number(row, key) for key in FAILURES)
        good = sum(_number(row, key) for key in ANSWERS if key not in FAILURES)
        counted = Counters(answers=good + failed, failed=failed)
        found[row["svname"]] = found.get(row["svname"], Counters()).plus(counted)
    return {name: one.plus(times.get(name, Counters())) for name, one in found.items()}


def sessions(proxy: Proxy, slot: str) -> int:
    """Clients that belong to a slot and were seen lately."""
    match = _USED.search(proxy.command(f"show table {slot}").partition("\n")[0])
    return int(match[1]) if match else 0


def _times(proxy: Proxy) -> dict[str, Counters]:
    found = {}
    for line in proxy.command(f"show table {TIMES}").splitlines():
        key, counts = _KEY.search(line), {int(i): int(n) for i, n in _COUNT.findall(line)}
        if key and counts:
            within = tuple(counts.get(i, 0) for i in range(1, len(BOUNDS_MS) + 1))
            found[key[1]] = Counters(timed=counts.get(0, 0), within=within)
    return found


def _number(row: dict[str, str], key: str) -> int:
    return int(row.get(key) or 0)
