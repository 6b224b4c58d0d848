"""YAML with the place of everything in it: a plain tree of values, and the line of each key and item by its path."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any, cast

from ruamel.yaml import YAML
from ruamel.yaml.composer import Composer
from ruamel.yaml.error import MarkedYAMLError, YAMLError, YAMLWarning
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from stoneware.errors import BadInput, Problem

Path = tuple[str | int, ...]
LARGEST_BYTES = 2**20
UNREADABLE = "declaration-unreadable"
"""The code of what is no plain declaration."""
DEEPEST = 40
DEEPEST_READ = 100
"""What is nested deeper isn't even read: there each level costs the next one more."""
MOST_VALUES = 50_000
"""Keys, groups, lists and values of a file, and what one with aliases and merges can grow to. Reading takes its time for each."""
MOST_PROBLEMS = 100
"""A file isn't read on with more: nobody mends so many at once, and whoever made up the file wants us busy."""
LONGEST_SHOWN = 60
"""Characters of a value or key in a message."""

warnings.simplefilter("ignore", YAMLWarning)  # what it warns of, we refuse, with its line


def read_yaml(text: str, file: str, *, aliases: bool = False) -> tuple[Any, dict[Path, int], list[Problem]]:
    """The values, the lines (from 1) of keys and items, and what is no plain declaration as problems.

    Raises BadInput for what isn't YAML at all. YAML 1.2: `yes` is a string. Keys that are given twice, anchors and tags are
    refused: a declaration says what it says. With `aliases`, anchors stand for what they name and `<<` merges, since formats
    of others have them; what they name is at the line where it is written.
    """
    if len(text.encode(errors="replace")) > LARGEST_BYTES:
        raise BadInput(
            f"{file} is larger than 1 MiB",
            [Problem(file, 1, "", "is larger than 1 MiB", code=UNREADABLE)],
            code=UNREADABLE,
        )
    loader = YAML(typ="safe", pure=True)
    loader.Composer = _Bounded
    loader.max_depth = DEEPEST_READ
    try:
        node = loader.compose(text)
    except MarkedYAMLError as broken:
        mark = broken.problem_mark or broken.context_mark
        line = mark.line + 1 if mark else 1
        what = " ".join(str(part) for part in (broken.context, broken.problem) if part)
        raise BadInput(
            f"{file} is not YAML", [Problem(file, line, "", what or "not YAML", code=UNREADABLE)], code=UNREADABLE
        ) from broken
    except (YAMLError, ValueError, RecursionError) as broken:
        raise BadInput(
            f"{file} is not YAML", [Problem(file, 1, "", str(broken).splitlines()[0], code=UNREADABLE)], code=UNREADABLE
        ) from broken
    reader = _Aliased(file, loader) if aliases else _Reader(file, loader)
    values = reader.value(node, ()) if node is not None else None
    return values, reader.lines, reader.problems


def too_many(file: str, problems: Sequence[Problem], code: str) -> BadInput:
    """The problems that were found until it was enough, in the order of their lines."""
    ordered = sorted(problems, key=lambda one: (one.line, one.path, one.wrong))
    hint = "mend these first: the file was not read on"
    return BadInput(f"{file} has more than {MOST_PROBLEMS} problems", ordered, hint, code=code)


class _Bounded(Composer):
    """Makes no more nodes of a text than are worth it, and has nothing against a name that is given anew."""

    def __init__(self, loader: Any = None) -> None:
        super().__init__(loader)
        self.warn_double_anchors = False
        self._left = MOST_VALUES

    def compose_node(self, parent: Any, index: Any) -> Any:
        self._left -= 1
        if self._left < 0:
            wrong = f"there are more than {MOST_VALUES} values, with keys and groups; split the file"
            raise MarkedYAMLError(problem=wrong, problem_mark=self.parser.peek_event().start_mark)
        return super().compose_node(parent, index)


class _Reader:
    """Walks the nodes once."""

    def __init__(self, file: str, loader: YAML) -> None:
        self.file = file
        self.lines: dict[Path, int] = {}
        self.problems: list[Problem] = []
        self._construct = loader.constructor.construct_object
        self._resolve = loader.resolver.resolve
        self._seen: set[int] = set()

    def value(self, node: Node, path: Path) -> Any:
        line = node.start_mark.line + 1
        self.lines.setdefault(path, line)
        if not self._is_plain(node, path):
            return None
        if len(path) > DEEPEST:
            self._wrong(line, path, "is nested too deep", "")
            return None
        return self._content(node, path, line)

    def _content(self, node: Node, path: Path, line: int) -> Any:
        if isinstance(node, MappingNode):
            return self._mapping(node, path)
        if isinstance(node, SequenceNode):
            return [self._item(item, (*path, i)) for i, item in enumerate(node.value)]
        try:
            node.value.encode()  # an escape can make what is no character
            return str(node.value) if str(node.tag).endswith(":timestamp") else self._construct(node)
        except (ValueError, YAMLError):
            self._wrong(line, path, f"{shown(node.value)} can't be read", "write it in quotes")
            return None

    def _is_plain(self, node: Node, path: Path) -> bool:
        """Whether a node is what it looks like: no anchor, no alias, no tag that makes something else of it."""
        line = node.start_mark.line + 1
        if not self._is_met_once(node, path, line):
            return False
        kind = next(kind for kind in (MappingNode, SequenceNode, ScalarNode) if isinstance(node, kind))
        bare = getattr(node, "style", None) is None
        if str(node.tag) != str(self._resolve(kind, node.value if kind is ScalarNode else None, (bare, not bare))):
            self._wrong(line, path, f"the tag {shown(str(node.tag))} is not read here", "write a plain value")
            return False
        return True

    def _is_met_once(self, node: Node, path: Path, line: int) -> bool:
        if id(node) in self._seen or node.anchor:
            self._wrong(line, path, "anchors and aliases are not read here", "write the value where it is used")
            return False
        self._seen.add(id(node))
        return True

    def _item(self, node: Node, path: Path) -> Any:
        self.lines[path] = node.start_mark.line + 1
        return self.value(node, path)

    def _mapping(self, node: MappingNode, path: Path) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key_node, value_node in self._pairs(node, path):
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, ScalarNode):
                self._wrong(line, path, "a key must be a word", "write it as `key: value`")
                continue
            key = str(key_node.value)
            if not self._is_plain(key_node, (*path, key)):
                continue
            if key in found:
                self._wrong(line, (*path, key), "is given twice", f"the first is in line {self.lines[(*path, key)]}")
            self.lines[(*path, key)] = line
            found[key] = self.value(value_node, (*path, key))
        return found

    def _pairs(self, node: MappingNode, path: Path) -> Sequence[tuple[Node, Node]]:
        return cast(Sequence[tuple[Node, Node]], node.value)

    def _wrong(self, line: int, path: Path, wrong: str, right: str) -> None:
        if len(self.problems) == MOST_PROBLEMS:
            raise too_many(self.file, self.problems, UNREADABLE)
        self.problems.append(Problem(self.file, line, dotted(path), wrong, right, UNREADABLE))


class _Aliased(_Reader):
    """The same where anchors, aliases and merge keys mean something."""

    def __init__(self, file: str, loader: YAML) -> None:
        super().__init__(file, loader)
        self._around: list[int] = []
        self._left = MOST_VALUES

    def _is_met_once(self, node: Node, path: Path, line: int) -> bool:
        line = self.lines.get(path, line)  # where it is used
        if id(node) in self._around:
            self._wrong(line, path, "is an alias of what it stands in", "write the value where it is used")
            return False
        return self._has_room(path, line)

    def _has_room(self, path: Path, line: int, values: int = 1) -> bool:
        """Few lines of aliases can stand for more than any memory holds, and few merges for more than anybody waits for."""
        before, self._left = self._left, self._left - values
        if before > 0 >= self._left:
            self._wrong(line, path, "is more than can be read, with its aliases", "write less, or split the file")
        return self._left > 0

    def _content(self, node: Node, path: Path, line: int) -> Any:
        self._around.append(id(node))
        try:
            return super()._content(node, path, line)
        finally:
            self._around.pop()

    def _pairs(self, node: MappingNode, path: Path) -> Sequence[tuple[Node, Node]]:
        """What the mapping says, and what it takes over by `<<` where it doesn't say it itself."""
        own = [pair for pair in node.value if not _merges(pair[0])]
        taken: list[tuple[Node, Node]] = []
        said = {str(key.value) for key, _ in own if isinstance(key, ScalarNode)}
        for key, value in node.value:
            line = key.start_mark.line + 1
            for one in (value.value if isinstance(value, SequenceNode) else [value]) if _merges(key) else ():
                size = len(one.value) if isinstance(one, MappingNode) else 0
                if not self._has_room((*path, "<<"), line, 1 + size):
                    break
                if not isinstance(one, MappingNode) or id(one) in self._around or len(self._around) > DEEPEST:
                    wrong = "merges what is no group of keys, or what it stands in"
                    self._wrong(line, (*path, "<<"), wrong, "merge an alias of a group of keys")
                    continue
                self._around.append(id(one))
                whole = self._pairs(one, path)
                self._around.pop()
                if len(whole) > size and not self._has_room((*path, "<<"), line, len(whole) - size):
                    break
                new = [pair for pair in whole if str(pair[0].value) not in said]
                said |= {str(inner.value) for inner, _ in new}
                taken += new
        return [*own, *taken]


def _merges(key: Node) -> bool:
    return isinstance(key, ScalarNode) and str(key.tag).endswith(":merge")


def dotted(path: Path) -> str:
    """`deployments.town.groups.web.test[0].http`. A key that could be taken for something else stands in quotes."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            plain = part.isprintable() and part and not set(part) & set(" .:[]'\"") and len(part) <= LONGEST_SHOWN
            text += ("." if text else "") + (part if plain else shown(part))
    return text


def shown(value: Any) -> str:
    """A value as people wrote it, on one line and not too long: `'text'`, `true`, `nothing`, `a list`."""
    if value is None or isinstance(value, bool):
        return {None: "nothing", True: "true", False: "false"}[value]
    if isinstance(value, list | dict):
        return "a list" if isinstance(value, list) else "a group of keys"
    if isinstance(value, str) and len(value) > LONGEST_SHOWN:
        value = f"{value[:LONGEST_SHOWN]}…"
    return repr(value)
