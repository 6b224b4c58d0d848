"""Sizes, times and paths as people write them: `512MiB`, `10m`, `/var/lib/app`. Inside they are bytes, seconds, strings.

What is written is what is meant: a size is a whole number of bytes, a time a whole number of milliseconds, and both come
back from their written form exactly.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

_SIZE = re.compile(r"^([0-9]+) *(B|KiB|MiB|GiB|TiB)$")
_SIZE_UNITS = {"B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}
_TIME = re.compile(r"^([0-9]+(?:\.[0-9]+)?) *(ms|s|m|h|d)$")
_TIME_UNITS_MS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_TIME_OF_DAY = re.compile(r"^[0-9]{2}:[0-9]{2}(:[0-9]{2})?$")
_PATH = re.compile(r"^(/(?!\.{1,2}(/|$))[A-Za-z0-9._@+-]+)+$")
_MORE_THAN_ZERO = "^(?=.*[1-9])"

LARGEST_BYTES = 2**50
LONGEST_MS = 3650 * 86_400_000
LONGEST_NUMBER = 20
"""Digits: enough for every size and time below the limits."""


def parse_size(value: Any) -> int:
    """Bytes of `512MiB`. Raises ValueError for anything that isn't a whole number with a binary unit."""
    match = _SIZE.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError("not a size: write a whole number and a unit, such as 512MiB or 10GiB")
    size = int(_number(match[1])) * _SIZE_UNITS[match[2]]
    if size == 0:
        raise ValueError("no size: write more than nothing, such as 64MiB")
    if size > LARGEST_BYTES:
        raise ValueError(f"too large: write at most {format_size(LARGEST_BYTES)}")
    return size


def format_size(size_bytes: int) -> str:
    """The shortest exact way to write a number of bytes."""
    for unit in ("TiB", "GiB", "MiB", "KiB"):
        if size_bytes and size_bytes % _SIZE_UNITS[unit] == 0:
            return f"{size_bytes // _SIZE_UNITS[unit]}{unit}"
    return f"{size_bytes}B"


def format_rough(size_bytes: int) -> str:
    """A number of bytes as people compare them, to a tenth of its unit: `5.9GiB`, `640MiB`, `0B`."""
    for unit in ("TiB", "GiB", "MiB", "KiB"):
        if size_bytes >= _SIZE_UNITS[unit]:
            return f"{size_bytes / _SIZE_UNITS[unit]:.1f}".removesuffix(".0") + unit
    return f"{size_bytes}B"


def parse_time(value: Any) -> float:
    """Seconds of `10m`. Raises ValueError for anything that isn't a number with a unit."""
    match = _TIME.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError("not a time: write a number and a unit, such as 500ms, 30s, 10m, 24h or 7d")
    ms = _number(match[1]) * _TIME_UNITS_MS[match[2]]
    if ms > LONGEST_MS:
        raise ValueError(f"too long: write at most {format_time(LONGEST_MS / 1000)}")
    if ms != int(ms):
        raise ValueError("finer than a millisecond: write whole milliseconds, such as 500ms")
    return int(ms) / 1000


def parse_span(value: Any) -> float:
    """The same, for a time that can't be nothing."""
    seconds = parse_time(value)
    if seconds == 0:
        raise ValueError("no time at all: write more than nothing, such as 1s")
    return seconds


def format_time(seconds: float) -> str:
    """The shortest exact way to write a number of seconds."""
    ms = round(seconds * 1000)
    if ms == 0:
        return "0s"
    unit = next(unit for unit in ("d", "h", "m", "s", "ms") if ms % _TIME_UNITS_MS[unit] == 0)
    return f"{ms // _TIME_UNITS_MS[unit]}{unit}"


def format_moment(at: float) -> str:
    """A time (seconds since the epoch) as people write it, in UTC: `2026-11-24 09:30 UTC`."""
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(at))


def exact_moment(at: float) -> str:
    """The same to a microsecond, as RFC 3339 says it: `2026-11-24T09:30:12.250000Z`."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def parse_moment(text: str, now: float) -> float:
    """Seconds since the epoch of `2026-11-24`, `2026-11-24 09:30`, `2026-11-24T09:30:12Z`, or of `15m ago` and `09:30` as seen from
    `now`: a time of day alone is one of today.

    What names no zone is local time. Raises ValueError for anything else.
    """
    away = text.strip().removesuffix(" ago")
    if away != text.strip():
        return now - parse_time(away.strip())
    if _TIME_OF_DAY.match(text.strip()):
        text = f"{time.strftime('%Y-%m-%d', time.localtime(now))} {text.strip()}"
    try:
        return datetime.fromisoformat(
            text.strip().removesuffix(" UTC") + ("Z" if text.endswith(" UTC") else "")
        ).timestamp()
    except (ValueError, OverflowError, OSError):
        raise ValueError(
            "not a moment: write it like 09:30, 2026-11-24 09:30, 2026-11-24T09:30:12Z, or 15m ago"
        ) from None


def _number(digits: str) -> Decimal:
    if len(digits) > LONGEST_NUMBER:
        raise ValueError("a number of too many digits: choose a larger unit")
    return Decimal(digits)


def _check_path(value: Any) -> str:
    if not isinstance(value, str) or not _PATH.fullmatch(value):
        raise ValueError(
            "not a path that can be used here: write it like /var/lib/app, without .. or a slash at the end"
        )
    return value


def _written(pattern: str, example: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "pattern": pattern, "examples": [example]})


def _up_to(limit: int) -> str:
    """A pattern for the whole numbers from 0 to `limit`: shorter ones, and those that stay below it at their first other digit."""
    digits = str(limit)
    less = [
        f"{digits[:at]}[0-{int(digit) - 1}][0-9]{{{len(digits) - at - 1}}}"
        for at, digit in enumerate(digits)
        if digit > "0"
    ]
    shorter = [f"[0-9]{{1,{len(digits) - 1}}}"] if len(digits) > 1 else []
    return "|".join([*shorter, *less, digits])


def _schema_of(units: Mapping[str, int], limit: int, decimals: str = "") -> str:
    """What may be written, for those who read the schema alone: numbers with a unit, each up to the limit. `decimals` is for all
    units but the smallest, which has no parts."""
    each = [
        f"(?:(?:{_up_to(limit // size - 1)}){decimals if size > 1 else ''}|{limit // size}) *{unit}"
        for unit, size in units.items()
    ]
    return f"(?:{'|'.join(each)})$"


_SIZE_SCHEMA = _schema_of(_SIZE_UNITS, LARGEST_BYTES)
_TIME_SCHEMA = _schema_of(_TIME_UNITS_MS, LONGEST_MS, r"(?:\.[0-9]{1,3})?")

Size = Annotated[
    int,
    BeforeValidator(parse_size),
    PlainSerializer(format_size, return_type=str),
    _written(_MORE_THAN_ZERO + _SIZE_SCHEMA, "512MiB"),
]
Seconds = Annotated[
    float,
    BeforeValidator(parse_time),
    PlainSerializer(format_time, return_type=str),
    _written("^" + _TIME_SCHEMA, "30s"),
]
Span = Annotated[
    float,
    BeforeValidator(parse_span),
    PlainSerializer(format_time, return_type=str),
    _written(_MORE_THAN_ZERO + _TIME_SCHEMA, "30s"),
]
"""A time that is more than nothing."""

AbsolutePath = Annotated[str, BeforeValidator(_check_path), _written(_PATH.pattern, "/var/lib/app")]


def counted(number: int, what: str) -> str:
    """`1 image`, `2 images`."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
