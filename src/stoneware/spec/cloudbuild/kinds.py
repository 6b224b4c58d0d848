"""How single values of a build file are read: each reader gives the value, or raises Unfit."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from stoneware.model.quantity import LONGEST_MS, format_time, parse_time
from stoneware.spec.yaml_lines import shown

_TIME = re.compile(r"([0-9]{1,15})(\.[0-9]{1,9})?s")
_YES = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
"""Words for yes and no in the YAML 1.1 that Google's tools read."""


class Unfit(ValueError):
    """What is wrong with a value, and what would be right."""

    def __init__(self, wrong: str, right: str) -> None:
        super().__init__(f"{wrong}: {right}")
        self.wrong, self.right = wrong, right


def text(value: Any) -> str:
    if isinstance(value, bool | int | float):
        raise Unfit(f"{shown(value)} is not a text", f'write it in quotes: "{shown(value)}"')
    if not isinstance(value, str):
        raise Unfit(f"{shown(value)} is not a text", "write a text")
    if "\0" in value:
        raise Unfit("holds a character that no program can be given (NUL)", "leave it out")
    return value


def time(value: Any) -> float:
    """Seconds of `600s` (protobuf's Duration in JSON)."""
    match = _TIME.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise Unfit(f"{shown(value)} is not a time", f"write seconds, such as {_in_seconds(value)}")
    seconds = float(value.removesuffix("s"))
    if not 0 < seconds <= LONGEST_MS / 1000:
        raise Unfit(f"{shown(value)} can't be waited for", f"write more than 0s and at most {LONGEST_MS // 1000}s")
    return seconds


def _in_seconds(value: Any) -> str:
    """What was probably meant."""
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return f"{value}s"
    try:
        return f"{parse_time(value):.0f}s"
    except ValueError:
        return f"{value}s" if isinstance(value, str) and re.fullmatch("[0-9]{1,9}", value) else "600s"


def yes_or_no(value: Any) -> bool:
    found = value if isinstance(value, bool) else _YES.get(value.lower()) if isinstance(value, str) else None
    if found is None:
        raise Unfit(f"{shown(value)} is not true or false", "write true or false")
    return found


def code(value: Any) -> int:
    """An exit code. JSON writes 64-bit numbers as texts, so both are read."""
    number = int(value) if isinstance(value, str) and re.fullmatch("[0-9]{1,3}", value) else value
    if isinstance(number, bool) or not isinstance(number, int) or not 0 <= number <= 255:
        raise Unfit(f"{shown(value)} is not an exit code", "write a number from 0 to 255")
    return number


def one_of(words: str) -> Callable[[Any], str]:
    known = words.split(" | ")

    def read(value: Any) -> str:
        if value not in known:
            raise Unfit(f"{shown(value)} is not known", f"write {' or '.join(known)}")
        return str(value)

    return read


SCALARS: dict[str, Callable[[Any], Any]] = {"text": text, "time": time, "yes or no": yes_or_no, "code": code}
LISTS = {"texts": "text", "codes": "code"}
"""Kinds of lists, with what their items are."""


def span(seconds: float) -> str:
    """A time as this format writes it, with the usual unit behind it: `7200s (2h)`."""
    written = f"{seconds:g}s"
    other = format_time(seconds)
    return written if other == written else f"{written} ({other})"
