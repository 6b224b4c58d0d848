"""Sizes, times and paths: what is written is what is meant, and it comes back from its written form exactly."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from stoneware.model.quantity import (
    LARGEST_BYTES,
    LONGEST_MS,
    AbsolutePath,
    Size,
    Span,
    format_size,
    format_time,
    parse_size,
    parse_span,
    parse_time,
)

PATH = TypeAdapter(AbsolutePath)
LIMITS = [LARGEST_BYTES >> power for power in (0, 10, 20, 30, 40)]
LIMITS += [LONGEST_MS // unit for unit in (1, 1000, 60_000, 3_600_000, 86_400_000)]


@given(st.integers(1, LARGEST_BYTES))
def test_every_size_comes_back(size_bytes: int) -> None:
    assert parse_size(format_size(size_bytes)) == size_bytes


@given(st.integers(0, LONGEST_MS))
def test_every_time_comes_back(ms: int) -> None:
    assert parse_time(format_time(ms / 1000)) == ms / 1000


@given(st.integers(0, 80_000), st.integers(0, 999), st.sampled_from(["ms", "s", "m", "h"]))
def test_a_written_time_means_the_same_after_it_was_read_and_written_again(whole: int, rest: int, unit: str) -> None:
    text = f"{whole}{unit}" if unit == "ms" else f"{whole}.{rest:03d}{unit}"
    seconds = parse_time(text)
    assert parse_time(format_time(seconds)) == seconds


@pytest.mark.parametrize(
    ("text", "size_bytes"),
    [("1B", 1), ("512MiB", 2**29), ("512 MiB", 2**29), ("10GiB", 10 * 2**30), ("1024TiB", LARGEST_BYTES)],
)
def test_sizes_are_read(text: str, size_bytes: int) -> None:
    assert parse_size(text) == size_bytes


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("500ms", 0.5), ("30s", 30), ("1.1m", 66), ("1.5h", 5400), ("0s", 0), ("7d", 604800), ("30 s", 30)],
)
def test_times_are_read(text: str, seconds: float) -> None:
    assert parse_time(text) == seconds


@pytest.mark.parametrize(
    ("size_bytes", "text"), [(1, "1B"), (1536, "1536B"), (2**20, "1MiB"), (3 * 2**29, "1536MiB"), (2**40, "1TiB")]
)
def test_sizes_are_written_as_short_as_they_are_exact(size_bytes: int, text: str) -> None:
    assert format_size(size_bytes) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0s"), (0.5, "500ms"), (1.5, "1500ms"), (90, "90s"), (120, "2m"), (86400, "1d")]
)
def test_times_are_written_as_short_as_they_are_exact(seconds: float, text: str) -> None:
    assert format_time(seconds) == text


NO_SIZES = [
    "",
    "512",
    "512MB",
    "1.5GiB",
    "-1MiB",
    "1mib",
    "512MiB\n",
    "512\tMiB",
    "\u0665MiB",
    512,
    None,
    True,
    [],
    "0MiB",
]
NO_TIMES = ["", "30", "30 sec", "-1s", "1m30s", "1e3s", "30s\n", "\u0663s", ".5s", "1.s", 30, None, True, {}, "0.1ms"]


@pytest.mark.parametrize("value", [*NO_SIZES, "1025TiB", "9" * 5000 + "B"])
def test_what_is_no_size_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match=": "):  # what is wrong, and what would be right
        parse_size(value)


@pytest.mark.parametrize("value", [*NO_TIMES, "3651d", "9" * 400 + "d", "0.00000000000000000000001s"])
def test_what_is_no_time_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match=": "):
        parse_time(value)


@pytest.mark.parametrize(("parse", "fits"), [(parse_time, True), (parse_span, False)])
def test_only_a_span_must_be_more_than_nothing(parse: Callable[[Any], float], fits: bool) -> None:
    if fits:
        assert parse("0s") == 0
    else:
        with pytest.raises(ValueError, match="no time at all"):
            parse("0s")


@pytest.mark.parametrize("path", ["/a", "/var/lib/app", "/var/lib/..app", "/srv/a.b-c_d@1+2", "/.hidden"])
def test_absolute_paths_pass(path: str) -> None:
    assert PATH.validate_python(path) == path


@pytest.mark.parametrize(
    "path", ["", "/", "a", "var/lib", "/a/", "//a", "/a/../b", "/..", "/a/.", "/a b", "/a,b", "/a\n", "/ä", None, 5]
)
def test_other_paths_are_refused(path: Any) -> None:
    with pytest.raises(ValidationError, match="not a path that can be used here"):
        PATH.validate_python(path)


@given(
    number=st.integers(0, 10**13) | st.sampled_from([limit + more for limit in LIMITS for more in (-1, 0, 1)]),
    unit=st.sampled_from(["ms", "s", "m", "h", "d", "B", "KiB", "MiB", "GiB", "TiB"]),
)
def test_the_schema_lets_through_what_can_be_read_and_nothing_else(number: int, unit: str) -> None:
    kind, parse = (Span, parse_span) if unit in ("ms", "s", "m", "h", "d") else (Size, parse_size)
    pattern = TypeAdapter(kind).json_schema(mode="validation")["pattern"]
    try:
        parse(f"{number}{unit}")
    except ValueError:
        readable = False
    else:
        readable = True
    assert bool(re.search(pattern, f"{number}{unit}")) is readable
