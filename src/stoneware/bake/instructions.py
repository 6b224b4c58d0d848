"""A Containerfile as a list of instructions with their lines, and what of it a sealed image can't carry. Nothing is run."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

from stoneware.outside import parsed

_HEREDOC = re.compile(r"<<-?\s*(['\"]?)(\w+)\1")
_FLAG = re.compile(r"--(\S+)\s*")
_PASSED_OVER = re.compile(r"\s*(#.*)?\Z")
"""Between the lines of an instruction: an empty line, and a comment."""
OTHER_ESCAPE = re.compile(r"^[ \t]*#[ \t]*escape[ \t]*=(?![ \t]*\\)", re.IGNORECASE | re.MULTILINE)
"""An order to continue lines by another character than a backslash: then they are others than those that are read here."""
LONGEST_TEXT = 131_072
_SPACES = re.compile(r"[ \t\v\f\r]+")
_ELSEWHERE = re.compile(r"^(https?://|git@|git://|<<)")


@dataclass(frozen=True)
class Instruction:
    """One instruction: the number of its first line, its name in capitals, and all that follows, on one line. `last` is the
    number of its last line, without a here-document."""

    line: int
    name: str
    text: str
    last: int = field(default=0, compare=False)

    @property
    def flags(self) -> list[str]:
        """What stands before its words, without the dashes: `from=web/1`."""
        return self._parts[0]

    @property
    def words(self) -> str:
        """What it says behind its flags."""
        return self._parts[1]

    @cached_property
    def _parts(self) -> tuple[list[str], str]:
        flags, text, at = list[str](), self.text.strip(), 0
        while found := _FLAG.match(text, at):
            flags.append(found[1])
            at = found.end()
        return flags, text[at:].strip()

    @property
    def sources(self) -> list[str] | None:
        """What a COPY or ADD takes from the context, as written there; None when only the build knows (it has variables)."""
        flags, rest = self._parts
        if self.name not in ("COPY", "ADD") or any(flag.startswith("from=") for flag in flags):
            return []
        if "$" in rest:
            return None
        words = words_of(rest)
        return [word for word in words[:-1] if not _ELSEWHERE.match(word)]


@lru_cache(maxsize=4)
def instructions(text: str) -> tuple[Instruction, ...]:
    """All instructions of a Containerfile, joined and divided as buildah does it. Here-documents are left out. (A bake asks for
    those of the same text again and again.)"""
    found: list[Instruction] = []
    lines = enumerate((line.removesuffix("\r") for line in text.removeprefix("\ufeff").split("\n")), 1)
    for number, first in lines:
        last, line = number, first.lstrip()
        if not line or line.startswith("#"):
            continue
        pieces = list[str]()
        while _goes_on(line):
            pieces.append(line.rstrip(" \t")[:-1])
            last, line = next(((at, more) for at, more in lines if not _PASSED_OVER.match(more)), (last, ""))
        whole = "".join((*pieces, line))  # without a space between: a word may go on
        name, *rest = _SPACES.split(whole.strip(), maxsplit=1)
        found.append(Instruction(number, name.upper(), rest[0].strip() if rest else "", last))
        for _, end in _HEREDOC.findall(whole) if name.upper() in ("RUN", "COPY", "ADD") else ():
            while (text_line := next(lines, None)) is not None and text_line[1].strip() != end:
                pass
    return tuple(found)


def _goes_on(line: str) -> bool:
    return line.rstrip(" \t").endswith("\\")


def unlike_its_shell(text: str) -> Instruction | None:
    """The first command in shell form that its stage's SHELL would run, and the build gives to /bin/sh instead."""
    shell = False
    for one in instructions(text):
        if one.name in ("FROM", "SHELL"):
            shell = one.name == "SHELL"
        elif shell and one.name in ("CMD", "ENTRYPOINT") and not one.text.startswith("["):
            return one
    return None


def notes(text: str, kept: Sequence[str]) -> list[str]:
    """What a recipe asks for and an image doesn't carry, a sentence each, with its line and what to do. `kept` are the folders that
    machines may write to, as declared."""
    return [note for one in instructions(text) for note in _notes_of(one, kept)]


def _notes_of(one: Instruction, kept: Sequence[str]) -> Iterator[str]:
    if one.name == "HEALTHCHECK" and one.text.upper() != "NONE":
        yield f"line {one.line}: HEALTHCHECK is left out: OCI images have none; declare `health` in stoneware.yaml"
    if one.name == "VOLUME":
        for folder in words_of(one.text):
            if not any(folder.rstrip("/") == path or folder.startswith(f"{path}/") for path in kept):
                yield (
                    f"line {one.line}: VOLUME {folder} is read-only in a machine: declare it as `writable`, or mount a disk there"
                )


def words_of(text: str) -> list[str]:
    """Words in either form: a JSON list, or as a shell has them. Of a very long text, what stands between spaces: the others take
    the square of its length."""
    if len(text) > LONGEST_TEXT:
        return text.split()
    try:
        read = parsed(text)
        if isinstance(read, list):
            return [str(word) for word in read]
    except ValueError:
        pass
    try:
        return shlex.split(text)
    except ValueError:
        return text.split()
