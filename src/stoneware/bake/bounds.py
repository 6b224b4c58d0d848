"""What the recipe of a commit may not ask of the build: anybody may have pushed it, and buildah, which is root on the host, does
for it what no step could do. Such a recipe is read before anything of it is done, and what can't be told from its text is refused.

The bases' own instructions (ONBUILD) are looked at in `fetched`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain

from stoneware.bake import growth, image_names, mounts
from stoneware.bake.instructions import OTHER_ESCAPE, Instruction, instructions, words_of
from stoneware.bake.mount_words import PLAIN_FLAG
from stoneware.bake.own_cache import IGNORED_BY
from stoneware.bake.recipe import RecipeFiles
from stoneware.bake.stages import FROM, SCRATCH, defaults, filled
from stoneware.errors import BakeFailed

MOST_OPTIONS = 64
MOST_CACHES = 200
COPY_INSTEAD = "COPY what the step needs"
NAME_IT = "name it in full, without variables, or copy from an earlier stage"
_ODD = re.compile("[^\\S \\t\\n]|[\\x00-\\x08\\x0e-\\x1f\\x7f-\\x9f\udc85\udca0]")
"""What some programs take for the end of a line or a word, and others don't; the last two are single bytes that are no text."""
_HERE_DOCUMENT = re.compile(r"(?<!<)<<(?!<)")
_PLATFORM = re.compile(r"platform=[A-Za-z0-9/_${}]+")
_VOLUME = re.compile(r"[A-Za-z0-9_./@+-]+")
_STAGE = re.compile(r"[A-Za-z][A-Za-z0-9_.-]*")
_FETCHED = re.compile(r"[:\\]|(?:^|[\s\[,])(?:git@|github\.com/)", re.IGNORECASE)


@dataclass
class _Reading:
    """What is known at an instruction: values of arguments, the names of the stages so far, where caches lie, and how long values
    may be."""

    files: RecipeFiles
    values: dict[str, str] = field(default_factory=dict)
    stages: list[str] = field(default_factory=list)
    caches: list[tuple[str, ...]] = field(default_factory=list)
    lengths: growth.Lengths = field(default_factory=growth.Lengths)

    def is_stage(self, name: str) -> bool:
        """Whether this names an earlier stage. Case counts where it could be something else as well."""
        before = self.stages
        return name in before or (
            not image_names.is_like_an_id(name) and name.lower() in [one.lower() for one in before]
        )

    def is_source(self, name: str) -> bool:
        """Whether this names a stage before the present one, by its name or its position."""
        before = _Reading(self.files, stages=self.stages[:-1])
        return before.is_stage(name) or name in [str(at) for at in range(len(before.stages))]


def require_within_bounds(files: RecipeFiles) -> str:
    """The recipe's text, where the names of its bases have no variables any more.

    Raises BakeFailed for the first thing that a commit's recipe may not ask for.
    """
    text = files.containerfile.read_bytes().decode(errors="surrogateescape")
    _require_own_ignore_files(files)
    for wrong, why in (
        (_ODD, "a character that only looks like a space or isn't seen"),
        (OTHER_ESCAPE, "another escape character"),
    ):
        if found := wrong.search(_plain_ends(text)):
            line = text.count("\n", 0, found.start()) + 1
            shown = text.split("\n")[line - 1].strip()
            raise _refused(
                files, Instruction(line, "", shown), f"it has {why}", "write it with plain spaces and backslashes"
            )
    reading, lines = _Reading(files), text.split("\n")
    for one in instructions(text):
        for why, hint in chain(_sizes(one, reading), _problems(one, reading)):
            raise _refused(files, one, why, hint)
        if one.name == "FROM" and "$" in one.words:
            found = FROM.match(one.words)
            name = filled(found[1], reading.values) if found else ""
            flags = " ".join(f"--{flag}" for flag in one.flags)
            alias = f" AS {found[2]}" if found and found[2] else ""
            lines[one.line - 1 : one.last] = [
                " ".join(f"FROM {flags} {name}{alias}".split()),
                *[""] * (one.last - one.line),
            ]
    return "\n".join(lines)


def _plain_ends(text: str) -> str:
    """Without what may end a line, and stand before the first; everything else stays in its place."""
    return re.sub(r"\r(?=\n)|\r\Z|\A\ufeff", " ", text)


def _sizes(one: Instruction, reading: _Reading) -> Iterator[tuple[str, str]]:
    """What would take more time or memory than anybody means to."""
    if reading.lengths.after(one) > growth.LONGEST:
        yield f"with its variables it may be longer than {growth.LONGEST} letters", "divide it, or use fewer variables"
    elif len(one.flags) > MOST_OPTIONS:
        yield f"it has more than {MOST_OPTIONS} options", "divide the instruction"
    if len(reading.caches) > MOST_CACHES:
        yield f"there are more than {MOST_CACHES} caches before it", "use one for several steps"


def _problems(one: Instruction, reading: _Reading) -> Iterator[tuple[str, str]]:
    """What it may not ask for, and the next step. Notes what later instructions may name."""
    if one.name in ("RUN", "COPY", "ADD") and not all(PLAIN_FLAG.fullmatch(flag) for flag in one.flags):
        yield (
            "its options aren't written plainly",
            "write each as --NAME=VALUE, without quotes, backslashes and variables",
        )
    if one.name in ("RUN", "COPY", "ADD") and _HERE_DOCUMENT.search(one.text):
        yield "not every buildah knows here-documents (<<)", "put the text into a file of the repository and COPY it"
    if not one.name.isascii():  # some letters have another one as their small or capital form
        yield "that is no instruction", "write its name in plain letters"
    elif one.name == "ONBUILD":
        yield "it would be done in other builds, unseen", "write these steps where they are done"
    elif one.name == "ARG" and not reading.stages:
        reading.values |= defaults(one.text, reading.values)
    elif one.name == "FROM":
        yield from _of_base(one, reading)
    elif one.name == "RUN":
        yield from _of_step(one, reading)
    elif one.name == "VOLUME" and not all(_VOLUME.fullmatch(word) for word in words_of(one.text)):
        yield "the path of a volume isn't plain", "write it with letters, digits and `/._-@+`"
    elif one.name in ("COPY", "ADD"):
        yield from _of_copy(one, reading)


def _of_copy(one: Instruction, reading: _Reading) -> Iterator[tuple[str, str]]:
    for flag in one.flags:
        source = flag.removeprefix("from=")
        if source != flag and not reading.is_source(source) and (why := image_names.objection(source)):
            yield f"it can't copy from {source!r}: {why}", NAME_IT
    if one.name == "ADD" and "$" in one.words:
        yield "what it adds is only known to the build: it may be an address", "write it out, or COPY it"
    elif one.name == "ADD" and _FETCHED.search(re.sub("[\"']", "", one.words)):
        yield (
            "an address is fetched by the host, from the host's own network",
            "fetch it in a RUN (with `--allow network`), or COPY a file of the repository",
        )


def _of_base(one: Instruction, reading: _Reading) -> Iterator[tuple[str, str]]:
    found = FROM.match(one.words)
    name = filled(found[1], reading.values) if found else ""
    alias = (found[2] or "") if found else ""
    if not found or not all(_PLATFORM.fullmatch(flag) for flag in one.flags):
        yield "it can't be read", "write it as FROM NAME, or FROM NAME AS STAGE"
    elif not reading.is_stage(name) and name != SCRATCH and (why := image_names.objection(name)):
        yield f"it can't start from {name!r}: {why}", NAME_IT
    elif alias and not _STAGE.fullmatch(alias):
        yield (
            f"{alias!r} is no name for a stage",
            "begin it with a letter; letters, digits, `_`, `-` and `.` may follow",
        )
    reading.stages.append(alias)


def _of_step(one: Instruction, reading: _Reading) -> Iterator[tuple[str, str]]:
    for flag in one.flags:
        key, _, value = flag.partition("=")
        if key != "mount":
            if flag not in ("network=none", "network=default"):
                yield f"--{flag} isn't to be had", "leave it out"
            continue
        if why := mounts.objection(value, reading.files.context):
            yield f"a mount {why}", COPY_INSTEAD
        elif place := mounts.place_of_cache(value):
            if any(place != other and place[: len(other)] == other[: len(place)] for other in reading.caches):
                yield "one cache lies within another", "give each an `id` of its own"
            reading.caches.append(place)


def _require_own_ignore_files(files: RecipeFiles) -> None:
    beside = [files.containerfile.with_name(files.containerfile.name + suffix) for suffix in IGNORED_BY]
    for path in (*beside, *(files.context / name for name in IGNORED_BY)):
        if path.is_symlink():
            raise BakeFailed(
                f"{path.name} is a link", path.name, "", "put the file itself there", code="recipe-refused"
            )


def _refused(files: RecipeFiles, one: Instruction, why: str, hint: str) -> BakeFailed:
    step = f"{files.containerfile.name}, line {one.line}: {one.name} {one.text}".replace(":  ", ": ")
    return BakeFailed(f"a commit's recipe may not ask for this: {why}", step, "", hint, code="recipe-refused")
