"""Bash's parameter expansions in the values of substitutions: `${_X:-main}`, `${TAG_NAME#v}`, `${BRANCH_NAME//\\//-}`, and so on.

The rules are those of the Bash manual, "Shell Parameter Expansion"; what needs a shell (`!`, arrays, commands) is refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from stoneware.spec.cloudbuild.bash_operations import OPERATIONS, BadExpression
from stoneware.spec.cloudbuild.globs import Chars, TooMuchWork, Work
from stoneware.spec.yaml_lines import LONGEST_SHOWN, shown

Lookup = Callable[[str, bool], str | None]
"""The value of a key; None when it has none. True when the expression itself says what happens then."""
_KEY = re.compile(r"[A-Z_][A-Z0-9_]*")
_OPERATORS = sorted(OPERATIONS, key=len, reverse=True)
DEEPEST = 20
MAY_LACK = (":-", "-", ":+", "+", ":=", "=", ":?", "?")
"""Operators that know what to do without a value."""
LONGEST = 100_000
"""Characters that a value may grow to, before its own limit is looked at."""


def evaluate(text: str, lookup: Lookup, work: Work) -> str:
    """A value with everything in it expanded. Raises BadExpression."""
    try:
        chars, _ = _Reader(text, lookup, work).word("", 0, 0)
    except TooMuchWork:
        raise BadExpression(f"{shown(text)} asks for too much work", "write a pattern with fewer *") from None
    return _plain(chars)


def _plain(chars: Chars) -> str:
    return "".join(char for char, _ in chars)


class _Reader:
    """Reads one text from left to right."""

    def __init__(self, text: str, lookup: Lookup, work: Work) -> None:
        self.text, self.lookup, self.work = text, lookup, work

    def word(self, stops: str, at: int, depth: int) -> tuple[list[tuple[str, bool]], int]:
        """The characters up to one of `stops`, and its position. Within an expression (depth > 0), quotes and backslashes make
        characters stand for themselves."""
        found: list[tuple[str, bool]] = []
        quote = ""
        while at < len(self.text) and (quote or self.text[at] not in stops):
            char = self.text[at]
            if char == "$" and quote != "'":
                value, at = self._dollar(at, depth)
                found += [(one, bool(quote)) for one in value]
            elif depth and char in "'\"" and quote in ("", char):
                if quote:
                    found.append(("", True))  # what was quoted is there, even if it is nothing
                quote = "" if quote else char
                at += 1
            elif depth and char == "\\" and quote != "'" and at + 1 < len(self.text):
                found.append((self.text[at + 1], True))
                at += 2
            else:
                found.append((char, bool(quote)))
                at += 1
            if len(found) > LONGEST:
                raise TooMuchWork
        if quote:
            raise BadExpression(f"a {quote} is opened and not closed", f"write {quote} behind it")
        return found, at

    def _dollar(self, at: int, depth: int) -> tuple[str, int]:
        """What a `$` stands for, and the position behind it."""
        after = self.text[at + 1 : at + 2]
        if after == "$":
            return "$", at + 2
        key = _KEY.match(self.text, at + 1)
        if key:
            return self.lookup(key[0], False) or "", key.end()
        if after != "{":
            return "$", at + 1
        if depth > DEEPEST:
            raise BadExpression("expressions are nested too deep", f"at most {DEEPEST}")
        return self._braces(at + 2, depth + 1)

    def _braces(self, at: int, depth: int) -> tuple[str, int]:
        here = shown(self.text[at - 2 : at + LONGEST_SHOWN])
        measured = self.text[at : at + 1] == "#"
        key = _KEY.match(self.text, at + measured)
        if not key:
            raise BadExpression(
                f"{here} names no substitution", "write ${_NAME}, or $$ where the program is to see a $"
            )
        at = key.end()
        if self.text[at : at + 1] == "}":
            value = self.lookup(key[0], False) or ""
            return (str(len(value)) if measured else value), at + 1
        operator = next((one for one in _OPERATORS if self.text.startswith(one, at)), "")
        if measured or not operator:
            raise BadExpression(f"{here} is no expression that is known here", f"known here: {' '.join(OPERATIONS)}")
        value_or_none = self.lookup(key[0], operator in MAY_LACK)
        parted = "/" if operator.startswith("/") else ":" if operator == ":" else ""
        words, at = self._operands(at + len(operator), parted, depth)
        if at > len(self.text):
            raise BadExpression(f"{here} is not closed", "write } behind it")
        return OPERATIONS[operator](key[0], value_or_none, words, self.work), at

    def _operands(self, at: int, parted: str, depth: int) -> tuple[list[Chars], int]:
        """The words behind an operator, at most two of them, and the position behind the closing brace (beyond the
        end when there is none)."""
        first, at = self.word(f"}}{parted}", at, depth)
        words: list[Chars] = [first]
        if parted and self.text[at : at + 1] == parted:
            second, at = self.word("}", at + 1, depth)
            words.append(second)
        return words, at + 1
