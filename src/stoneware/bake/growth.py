"""How long the values of a recipe's variables can become. buildah puts them together in its own memory, without a limit:
`ENV A=$A$A`, forty times, would take all of the host's."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from stoneware.bake.instructions import Instruction, words_of

LONGEST = 32_768
"""What an instruction may come to (characters)."""
ASSUMED = 2048
"""The length of a value that the recipe doesn't give: one of its base's."""
_NAMED = re.compile(r"\$\{?(\w+)(?=(.?))")
FILLED = ("ADD", "ARG", "COPY", "ENV", "EXPOSE", "FROM", "LABEL", "ONBUILD", "STOPSIGNAL", "USER", "VOLUME", "WORKDIR")
"""Instructions in which a build fills in variables (Dockerfile reference, "Environment replacement")."""


@dataclass
class Lengths:
    """The most that each value can be long, after the instructions that were told."""

    known: dict[str, int] = field(default_factory=dict)

    def after(self, one: Instruction) -> int:
        """How long an instruction can be with all values filled in."""
        if one.name not in FILLED or len(one.text) > LONGEST:
            return len(one.text) if one.name in FILLED else 0
        before, size = dict(self.known), self._filled(one.text, self.known)
        if one.name in ("ENV", "ARG"):
            for name, value in _given(one):
                self.known[name] = self._filled(value, before)
        return size

    def _filled(self, text: str, known: Mapping[str, int]) -> int:
        size = len(text)
        for name, how in _NAMED.findall(text):
            times = len(text) if how in ("/", "#", "%") else 1  # newer builds replace parts of a value
            size += times * known.get(name, ASSUMED)
        return size


def _given(one: Instruction) -> Iterator[tuple[str, str]]:
    """The variables that it sets, with what they are set to."""
    words = words_of(one.words)
    if one.name == "ENV" and words and "=" not in words[0]:
        yield words[0], one.words
        return
    for word in words:
        name, equals, value = word.partition("=")
        if equals:
            yield name, value
