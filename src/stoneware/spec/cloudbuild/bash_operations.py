"""What each operator of a parameter expansion makes of a value."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from stoneware.spec.cloudbuild.globs import Chars, Pattern, Work


class BadExpression(ValueError):
    """What is wrong with an expression, and what would be right."""

    def __init__(self, wrong: str, right: str) -> None:
        super().__init__(f"{wrong}: {right}")
        self.wrong, self.right = wrong, right


Words = Sequence[Chars]
Operation = Callable[[str, "str | None", Words, Work], str]


def _plain(chars: Chars) -> str:
    return "".join(char for char, _ in chars)


def _default(_key: str, value: str | None, words: Words, _work: Work) -> str:
    return value if value is not None else _plain(words[0])


def _default_if_empty(_key: str, value: str | None, words: Words, _work: Work) -> str:
    return value or _plain(words[0])


def _instead(_key: str, value: str | None, words: Words, _work: Work) -> str:
    return _plain(words[0]) if value is not None else ""


def _instead_if_full(_key: str, value: str | None, words: Words, _work: Work) -> str:
    return _plain(words[0]) if value else ""


def _required(key: str, value: str | None, words: Words, _work: Work) -> str:
    if value is None:
        raise BadExpression(f"{key} has no value: {_plain(words[0]) or 'it is required'}", f"give {key} a value")
    return value


def _required_full(key: str, value: str | None, words: Words, work: Work) -> str:
    return _required(key, value or None, words, work)


def _part(key: str, value: str | None, words: Words, _work: Work) -> str:
    text = value or ""
    numbers = [_number(key, _plain(word)) for word in words]
    start = numbers[0] if numbers[0] >= 0 else len(text) + numbers[0]
    if not 0 <= start <= len(text):
        return ""
    if len(numbers) == 1:
        return text[start:]
    end = start + numbers[1] if numbers[1] >= 0 else len(text) + numbers[1]
    if end < start:
        raise BadExpression(f"a part of {key} would end before it begins", "write a shorter length")
    return text[start:end]


def _number(key: str, word: str) -> int:
    plain = re.sub(r"[\s()]", "", word) or "0"
    if not re.fullmatch(r"[+-]?[0-9]{1,9}", plain):
        raise BadExpression(f"{word[:40]!r} is not a position in {key}", "write a number, such as ${_NAME:0:7}")
    return int(plain)


def _without_prefix(longest: bool) -> Operation:
    def without(_key: str, value: str | None, words: Words, work: Work) -> str:
        text = value or ""
        ends = list(Pattern(words[0], work).prefixes(text))
        return text[ends[-1 if longest else 0] :] if ends else text

    return without


def _without_suffix(longest: bool) -> Operation:
    def without(_key: str, value: str | None, words: Words, work: Work) -> str:
        text = value or ""
        starts = list(Pattern(words[0], work).suffixes(text))
        return text[: starts[-1 if longest else 0]] if starts else text

    return without


def _replace(*, every: bool = False) -> Operation:
    def replace(_key: str, value: str | None, words: Words, work: Work) -> str:
        text, pattern, new = value or "", Pattern(words[0], work), _replacement(words)
        if pattern.empty or not text:
            matches = value == "" and not pattern.empty and 0 in pattern.prefixes("")
            return new if matches else text
        found, at = "", 0
        while at < len(text):
            end = max(pattern.prefixes(text, at), default=at)
            if end == at:
                found += text[at]
                at += 1
                continue
            found += new
            at = end
            if not every:
                break
        return found + text[at:]

    return replace


def _replace_prefix(_key: str, value: str | None, words: Words, work: Work) -> str:
    text = value or ""
    ends = list(Pattern(words[0], work).prefixes(text)) if value is not None else []
    return _replacement(words) + text[ends[-1] :] if ends else text


def _replace_suffix(_key: str, value: str | None, words: Words, work: Work) -> str:
    text = value or ""
    starts = list(Pattern(words[0], work).suffixes(text)) if value is not None else []
    return text[: starts[-1]] + _replacement(words) if starts else text


def _replacement(words: Words) -> str:
    return _plain(words[1]) if len(words) > 1 else ""


def _case(change: Callable[[str], str], *, every: bool) -> Operation:
    def changed(_key: str, value: str | None, words: Words, work: Work) -> str:
        text, pattern = value or "", Pattern(words[0] or [("?", False)], work)
        which = len(text) if every else min(1, len(text))
        return "".join(change(one) if 1 in pattern.prefixes(one) else one for one in text[:which]) + text[which:]

    return changed


OPERATIONS: dict[str, Operation] = {
    ":-": _default_if_empty,
    "-": _default,
    ":=": _default_if_empty,
    "=": _default,
    ":+": _instead_if_full,
    "+": _instead,
    ":?": _required_full,
    "?": _required,
    ":": _part,
    "#": _without_prefix(longest=False),
    "##": _without_prefix(longest=True),
    "%": _without_suffix(longest=False),
    "%%": _without_suffix(longest=True),
    "/": _replace(),
    "//": _replace(every=True),
    "/#": _replace_prefix,
    "/%": _replace_suffix,
    "^": _case(str.upper, every=False),
    "^^": _case(str.upper, every=True),
    ",": _case(str.lower, every=False),
    ",,": _case(str.lower, every=True),
}
"""By what stands between the key and the words."""
