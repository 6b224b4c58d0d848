"""Sizes, times and paths as people write them: `512MiB`, `10m`, `/var/lib/app`. Inside they are bytes, seconds, strings."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

_SIZE = re.compile(r"^(\d+)\s*(B|KiB|MiB|GiB|TiB)$")
_SIZE_UNITS = {"B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}
_TIME = re.compile(r"^(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)$")
_TIME_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_PATH = re.compile(r"^(/[A-Za-z0-9._@+-]+)+$")


def parse_size(value: Any) -> int:
    """Bytes of `512MiB`. Raises ValueError for anything that isn't a whole number with a binary unit."""
    match = _SIZE.match(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError("not a size: write a whole number and a unit, such as 512MiB or 10GiB")
    size = int(match[1]) * _SIZE_UNITS[match[2]]
    if size == 0:
        raise ValueError("a size must be more than nothing, such as 64MiB")
    return size


def format_size(size_bytes: int) -> str:
    """The shortest exact way to write a number of bytes."""
    for unit in ("TiB", "GiB", "MiB", "KiB"):
        if size_bytes and size_bytes % _SIZE_UNITS[unit] == 0:
            return f"{size_bytes // _SIZE_UNITS[unit]}{unit}"
    return f"{size_bytes}B"


def parse_time(value: Any) -> float:
    """Seconds of `10m`. Raises ValueError for anything that isn't a number with a unit."""
    match = _TIME.match(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError("not a time: write a number and a unit, such as 500ms, 30s, 10m, 24h or 7d")
    return float(match[1]) * _TIME_UNITS[match[2]]


def format_time(seconds: float) -> str:
    """The shortest exact way to write a number of seconds."""
    for unit in ("d", "h", "m", "s"):
        if seconds and seconds % _TIME_UNITS[unit] == 0:
            return f"{int(seconds // _TIME_UNITS[unit])}{unit}"
    return f"{round(seconds * 1000)}ms" if seconds else "0s"


def _check_path(value: Any) -> str:
    if not isinstance(value, str) or not _PATH.match(value) or "/../" in f"{value}/" or "/./" in f"{value}/":
        raise ValueError("not an absolute path: write it like /var/lib/app, without .. or a slash at the end")
    return value


Size = Annotated[
    int,
    BeforeValidator(parse_size),
    PlainSerializer(format_size, return_type=str),
    WithJsonSchema({"type": "string", "pattern": r"^\d+\s*(B|KiB|MiB|GiB|TiB)$", "examples": ["512MiB"]}),
]
Seconds = Annotated[
    float,
    BeforeValidator(parse_time),
    PlainSerializer(format_time, return_type=str),
    WithJsonSchema({"type": "string", "pattern": r"^\d+(\.\d+)?\s*(ms|s|m|h|d)$", "examples": ["30s"]}),
]
AbsolutePath = Annotated[
    str,
    BeforeValidator(_check_path),
    WithJsonSchema({"type": "string", "pattern": _PATH.pattern, "examples": ["/var/lib/app"]}),
]
