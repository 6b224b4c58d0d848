"""A build file to a `CloudBuild`: keys in both spellings, every value of its kind, and all that is wrong at once."""

from __future__ import annotations

import re
from typing import Any

from stoneware.errors import Problem
from stoneware.outside import parsed
from stoneware.spec.cloudbuild import kinds
from stoneware.spec.cloudbuild.check import check
from stoneware.spec.cloudbuild.fields import FIELDS, Fate, Field
from stoneware.spec.cloudbuild.file import BuildDraft, CloudBuild, Complaints, refusal
from stoneware.spec.words import near
from stoneware.spec.yaml_lines import UNREADABLE, Path, dotted, read_yaml, shown

REFUSED = "build-key-refused"
STAND_INS: dict[str, Any] = {"texts": "", "codes": 0}
"""What keeps the position of an item that can't be read, so that the others can still be looked at; groups are empty."""


def read_cloudbuild(text: str | bytes, file: str) -> CloudBuild:
    """Reads YAML or JSON. `file` is its name in messages. Raises BadInput with every problem, sorted by line."""
    values, lines, problems = read_yaml(
        _plain(text if isinstance(text, str) else _decoded(text, file)), file, aliases=True
    )
    walk = _Walk(file, lines)
    for one in problems:
        walk.say.add(one)
    if isinstance(values, dict):
        draft = walk.group("Build", values, (), ())
        build = BuildDraft.model_validate(draft)
        check(build, walk.say)
    else:
        wrong = "is empty" if values is None else f"holds {shown(values)}, not keys with values"
        if not problems:
            walk.say.wrong((), wrong, "write `steps:`, each with the `name` of the image that it runs")
        raise refusal(file, walk.say.problems)
    walk.say.end()
    return CloudBuild(file, build, walk.places, tuple(walk.say.warnings))


def _decoded(data: bytes, file: str) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as broken:
        line = data[: broken.start].count(b"\n") + 1
        wrong = f"is not UTF-8 text ({broken.reason})"
        raise refusal(file, [Problem(file, line, "", wrong, "save it as UTF-8", UNREADABLE)]) from None


def _plain(text: str) -> str:
    """JSON may be indented by tabs, YAML may not; within JSON's texts no tab can stand."""
    text = text.removeprefix("\ufeff")
    if "\t" in text and text.lstrip().startswith("{"):
        try:
            parsed(text)
        except ValueError:
            return text
        return text.replace("\t", " ")
    return text


def camel(key: str) -> str:
    """`wait_for` as the REST resource spells it."""
    return re.sub(r"(?<=[a-z0-9])_([a-z])", lambda found: found[1].upper(), key)


def snake(key: str) -> str:
    return re.sub(r"[A-Z]", lambda found: f"_{found[0].lower()}", key)


class _Walk:
    """Goes through the tree once. Two paths lead everywhere: as the resource spells it, and as it is written."""

    def __init__(self, file: str, lines: dict[Path, int]) -> None:
        self.lines = lines
        self.places: dict[Path, tuple[int, str]] = {(): (1, "")}
        self.say = Complaints(file, self.places)

    def group(self, name: str, values: dict[str, Any], path: Path, written: Path) -> dict[str, Any]:
        """The fields of a group that are read, by the names of the drafts."""
        found: dict[str, Any] = {}
        known = FIELDS[name]
        for key, value in values.items():
            field, here = camel(key), (*path, camel(key))
            twice = here in self.places
            self._at(here, (*written, key))
            if field not in known:
                self._unknown(key, here, known)
            elif twice:
                self.say.wrong(here, f"is given twice, as {field} and as {snake(field)}", "write it once")
            elif self._is_read(known[field], here):
                self._value(known[field].kind, value, here, (*written, key), found, snake(field))
        return found

    def _unknown(self, key: str, here: Path, known: dict[str, Field]) -> None:
        best = near(camel(key), [name for name, field in known.items() if field.fate is not Fate.WRITTEN], "")
        if not best.startswith("did you mean"):
            best = f"known here: {', '.join(name for name, field in known.items() if field.fate is Fate.READ)}"
        self.say.wrong(here, f"unknown key {shown(key)}", best, "key-unknown")

    def _is_read(self, field: Field, here: Path) -> bool:
        if field.fate is Fate.WARNED:
            self.say.warn(here, f"means nothing here: {field.says}")
        elif field.fate is not Fate.READ:
            written = field.fate is Fate.WRITTEN
            wrong = "is what the builder writes of a build" if written else "can't be honoured here"
            self.say.wrong(here, wrong, field.says, REFUSED)
        return field.fate is Fate.READ

    def _value(self, kind: str, value: Any, here: Path, written: Path, into: dict[str, Any], name: str) -> None:
        """Puts the value of a field into its group, if it can be read."""
        if value is None:
            if not self.say.touches(here):  # what couldn't be read at all came out as nothing
                self.say.wrong(here, "is empty", "give it a value, or leave the key out")
        elif kind in kinds.SCALARS or " | " in kind:
            self._scalar(kinds.SCALARS.get(kind) or kinds.one_of(kind), value, here, into, name)
        elif kind == "texts by name":
            into[name] = self._map(value, here, written)
        elif kind in kinds.LISTS or kind.startswith("["):
            into[name] = self._list(kind, value, here, written)
        elif isinstance(value, dict):
            into[name] = self.group(kind, value, here, written)
        else:
            readable = ", ".join(key for key, field in FIELDS[kind].items() if field.fate is Fate.READ)
            self.say.wrong(here, f"{shown(value)} is not a group of keys", f"known here: {readable}")

    def _scalar(self, read: Any, value: Any, here: Path, into: Any, name: str) -> None:
        try:
            into[name] = read(value)
        except kinds.Unfit as unfit:
            self.say.wrong(here, unfit.wrong, unfit.right)

    def _list(self, kind: str, value: Any, here: Path, written: Path) -> tuple[Any, ...]:
        if not isinstance(value, list):
            self.say.wrong(here, f"{shown(value)} is not a list", "write it as - items, or in [ ]")
            return ()
        found: dict[str, Any] = {}
        for at, item in enumerate(value):
            place, as_written = (*here, at), (*written, at)
            self._at(place, as_written)
            self._value(kinds.LISTS.get(kind, kind.strip("[]")), item, place, as_written, found, str(at))
            found.setdefault(str(at), STAND_INS.get(kind, {}))
        return tuple(found.values())

    def _map(self, value: Any, here: Path, written: Path) -> dict[str, str]:
        if not isinstance(value, dict):
            self.say.wrong(here, f"{shown(value)} is not a group of names", "write a line `_NAME: value` for each")
            return {}
        found: dict[str, str] = {}
        for key, item in value.items():
            self._at((*here, key), (*written, key))
            self._value("text", item, (*here, key), (*written, key), found, key)
        return found

    def _at(self, here: Path, written: Path) -> None:
        if here not in self.places:
            self.places[here] = (self.lines.get(written, 1), dotted(written))
