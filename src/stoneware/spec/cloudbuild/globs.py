"""Shell patterns against texts, in bounded time: all the ways a pattern can match are followed at once, none is tried twice."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

Chars = Sequence[tuple[str, bool]]
"""Characters of a pattern, and whether each stands for itself alone."""
Test = Callable[[str], bool]
Token = Test | None
"""A test of one character; None for `*`."""
MOST_WORK = 300_000
CLASSES: dict[str, Test] = {
    "alpha": str.isalpha,
    "digit": str.isdigit,
    "alnum": str.isalnum,
    "upper": str.isupper,
    "lower": str.islower,
    "space": str.isspace,
    "punct": lambda one: one.isprintable() and not one.isalnum() and not one.isspace(),
}


class TooMuchWork(ValueError):
    """The pattern and the text together ask for more than a build file is worth."""


class Work:
    """What all expressions of one build may cost together, in steps of a character."""

    def __init__(self, most: int = MOST_WORK) -> None:
        self._left = most

    def spend(self, steps: int) -> None:
        self._left -= steps
        if self._left < 0:
            raise TooMuchWork


class Pattern:
    """A pattern of `*`, `?`, `[a-z]`, `[!a-z]`, `[[:alpha:]]` and characters."""

    def __init__(self, chars: Chars, work: Work) -> None:
        self._tokens = list(_tokens(chars, work))
        self._work = work

    @property
    def empty(self) -> bool:
        return not self._tokens

    def prefixes(self, text: str, start: int = 0) -> Iterator[int]:
        """Where a match that begins at `start` can end, the shortest first. Raises TooMuchWork."""
        yield from self._ends(self._tokens, text, start)

    def suffixes(self, text: str) -> Iterator[int]:
        """Where a match that goes to the end can begin, the shortest first. Raises TooMuchWork."""
        for end in self._ends(self._tokens[::-1], text[::-1], 0):
            yield len(text) - end

    def _ends(self, tokens: Sequence[Token], text: str, start: int) -> Iterator[int]:
        states = _past_stars({0}, tokens)
        for at in range(start, len(text) + 1):
            if len(tokens) in states:
                yield at
            if at == len(text) or not states:
                return
            self._work.spend(len(states))
            states = _past_stars(set(_after(states, tokens, text[at])), tokens)


def _after(states: set[int], tokens: Sequence[Token], char: str) -> Iterator[int]:
    for state in states:
        if state < len(tokens):
            token = tokens[state]
            if token is None:
                yield state
            elif token(char):
                yield state + 1


def _past_stars(states: set[int], tokens: Sequence[Token]) -> set[int]:
    """A star may stand for nothing."""
    found = set(states)
    for state in states:
        at = state
        while at < len(tokens) and tokens[at] is None:
            at += 1
            found.add(at)
    return found


def _tokens(chars: Chars, work: Work) -> Iterator[Token]:
    chars = [one for one in chars if one[0]]
    at = 0
    while at < len(chars):
        char, literal = chars[at]
        if char == "[":  # its end is looked for up to the end of all
            work.spend(len(chars) - at)
        end = _class_end(chars, at) if char == "[" and not literal else 0
        if end:
            yield _class(chars[at + 1 : end])
            at = end
        elif literal or char not in "*?":
            yield char.__eq__
        else:
            yield None if char == "*" else bool
        at += 1


def _class_end(chars: Chars, at: int) -> int:
    """The position of the `]` that ends a class; 0 when none does, and the `[` stands for itself."""
    first = at + 2 if at + 1 < len(chars) and chars[at + 1][0] in "!^" else at + 1
    inside = False  # [: … :]
    for end in range(first, len(chars)):
        if chars[end][0] == ":" and chars[end - 1][0] == "[":
            inside = True
        elif inside and chars[end][0] == "]" and chars[end - 1][0] == ":":
            inside = False
        elif chars[end][0] == "]" and end > first and not inside:
            return end
    return 0


def _class(chars: Chars) -> Test:
    text = "".join(char for char, _ in chars)
    negated = text[:1] in ("!", "^")
    text = text[negated:]
    tests: list[Test] = []
    while text:
        name, _, rest = text[2:].partition(":]")
        if text.startswith("[:") and name in CLASSES:
            tests.append(CLASSES[name])
            text = rest
        elif len(text) > 2 and text[1] == "-":
            tests.append(_between(text[0], text[2]))
            text = text[3:]
        else:
            tests.append(text[0].__eq__)
            text = text[1:]
    return lambda one: any(test(one) for test in tests) != negated


def _between(low: str, high: str) -> Test:
    return lambda one: low <= one <= high
