"""Substitutions: the values of all keys, and texts with the keys in them replaced.

In the fields of a build, `$KEY` and `${KEY}` are replaced and `$$` is a `$`; anything else stays as it is. Expressions are for
the values of substitutions, and only when they are dynamic.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial
from graphlib import CycleError, TopologicalSorter

from stoneware.spec.cloudbuild.bash import evaluate
from stoneware.spec.cloudbuild.bash_operations import BadExpression
from stoneware.spec.cloudbuild.builtins import BUILT_IN
from stoneware.spec.cloudbuild.check_substitutions import CODE, LONGEST_VALUE, USER_KEY
from stoneware.spec.cloudbuild.file import Complaints
from stoneware.spec.cloudbuild.globs import Work
from stoneware.spec.words import near
from stoneware.spec.yaml_lines import Path, shown

_REFERENCE = re.compile(r"\$(?:\$|\{([A-Z_][A-Z0-9_]*)\}|([A-Z_][A-Z0-9_]*))")
_EXPRESSION = re.compile(r"(?<!\$)(?:\$\$)*\$\{_?[A-Z][A-Z0-9_]*[^A-Z0-9_}]")
_NAMED = re.compile(r"\$\$|\$\{?#?([A-Z_][A-Z0-9_]*)")
LONGEST_FIELD = 65_536
MOST_CHARACTERS = 2 * 2**20
"""Of all fields of a build together, when everything in them is replaced."""
NO_KEY = "write $${} where the program itself is to see it"


class Substitutions:
    """The values of one build's keys. `loose`: a key that has no value is empty, and one that is not used may be there."""

    def __init__(self, builtin: Mapping[str, str], user: Mapping[str, str], say: Complaints, *, loose: bool) -> None:
        self.user, self.loose, self._say = user, loose, say
        self.values: dict[str, str] = {**user, **builtin}
        self.used: set[str] = set()
        self._work = Work()
        self._left = MOST_CHARACTERS
        self._unknown: set[tuple[Path, str]] = set()

    def resolve(self) -> None:
        """Evaluates the expressions in the values; those that others refer to come first."""
        needs = {key: {one for one in _NAMED.findall(value) if one in self.user} for key, value in self.user.items()}
        try:
            order = list(TopologicalSorter(needs).static_order())
        except CycleError as cycle:
            circle = list(reversed(cycle.args[1]))
            wrong = f"refers to itself: {' -> '.join(circle[:10])}"
            self._say.wrong(("substitutions", circle[0]), wrong, "give one of them a value of its own", CODE)
            self.used.update(self.user)  # what else they refer to isn't known
            return
        for key in order:
            self._evaluate(key)

    def apply(self, text: str, path: Path, longest: int = LONGEST_FIELD) -> str:
        """A field's text with the keys in it replaced; nothing is made of one that would be too long."""
        if _EXPRESSION.search(text):
            self._say.warn(
                path, "an expression like ${_X:-y} stays as it is here: write it as the value of a substitution"
            )
        found = [(one[0], one[1] or one[2]) for one in _REFERENCE.finditer(text)]
        length = len(text) + sum(len(self.values.get(key) or "" if key else "$") - len(said) for said, key in found)
        if found and length > longest:
            self._say.wrong(path, f"becomes {length} characters long", f"at most {longest}", CODE)
            self.used.update(key for _, key in found if key)
            return ""
        if not self.takes(length, path):
            return ""
        return _REFERENCE.sub(lambda found: self._replacement(found[1] or found[2], path), text)

    def takes(self, length: int, path: Path) -> bool:
        """Whether there is room for so many characters more; if not, that is said once."""
        before, self._left = self._left, self._left - length
        if before >= 0 > self._left:
            wrong = f"with this, all fields together are longer than {MOST_CHARACTERS} characters"
            self._say.wrong(path, wrong, "write long texts into files of the repository", CODE)
        return self._left >= 0

    def _replacement(self, key: str | None, path: Path) -> str:
        return "$" if key is None else (self._known(path, key) or "")

    def _known(self, path: Path, key: str, may_lack: bool = False) -> str | None:
        """The value of a key that stands at a path; says what is wrong with a key that is unknown."""
        self.used.add(key)
        value = self.values.get(key)
        if value is None and (path, key) not in self._unknown and not may_lack:
            self._unknown.add((path, key))
            if not USER_KEY.fullmatch(key):
                right = near(key, BUILT_IN, "built in") if len(key) > 3 else "built in are BUILD_ID, COMMIT_SHA, …"
                self._say.wrong(path, f"${key} is not built in", f"{right}; {NO_KEY.format(key)}", CODE)
            elif not self.loose:
                self._say.wrong(path, f"${key} has no value", f"declare {key} in substitutions, or give it", CODE)
        return value

    def _evaluate(self, key: str) -> None:
        path = ("substitutions", key)
        try:
            look_up = partial(self._known, path)
            self.values[key] = evaluate(self.user[key], look_up, self._work)
        except BadExpression as bad:
            self._say.wrong(path, bad.wrong, bad.right, CODE)
        if len(self.values[key].encode()) > LONGEST_VALUE:
            self._say.wrong(path, "becomes too long", f"at most {LONGEST_VALUE} bytes", CODE)

    def said_and_unused(self) -> list[str]:
        """Keys that have a value which nothing asks for."""
        return [key for key in self.user if key not in self.used]

    def literal(self) -> list[str]:
        """Keys whose values look like expressions; those are texts when nothing is dynamic."""
        return [key for key, value in self.user.items() if _REFERENCE.search(value) or _EXPRESSION.search(value)]


def say_unused(unused: list[str], say: Complaints) -> None:
    for key in unused:
        right = "take it out, use it, or write options.substitutionOption: ALLOW_LOOSE"
        say.wrong(("substitutions", key), f"{shown(key)} is used nowhere", right, CODE)
