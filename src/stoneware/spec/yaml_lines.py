"""YAML with the place of everything in it: a plain tree of values, and the line of each key and item by its path."""

from __future__ import annotations

from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from stoneware.errors import BadInput, Problem

Path = tuple[str | int, ...]
LARGEST_BYTES = 2**20
DEEPEST = 40


def read_yaml(text: str, file: str) -> tuple[Any, dict[Path, int], list[Problem]]:
    """The values, the lines (from 1) of keys and items, and duplicate keys as problems.

    Raises BadInput for what isn't YAML at all. YAML 1.2: `yes` is a string. Anchors and tags are refused: a declaration says
    what it says.
    """
    if len(text.encode()) > LARGEST_BYTES:
        raise BadInput(f"{file} is larger than 1 MiB", [Problem(file, 1, "", "is larger than 1 MiB")])
    loader = YAML(typ="safe", pure=True)
    try:
        node = loader.compose(text)
    except MarkedYAMLError as broken:
        mark = broken.problem_mark or broken.context_mark
        line = mark.line + 1 if mark else 1
        what = " ".join(str(part) for part in (broken.context, broken.problem) if part)
        raise BadInput(f"{file} is not YAML", [Problem(file, line, "", what or "not YAML")]) from broken
    except (YAMLError, ValueError, RecursionError) as broken:
        raise BadInput(f"{file} is not YAML", [Problem(file, 1, "", str(broken).splitlines()[0])]) from broken
    reader = _Reader(file, loader)
    values = reader.value(node, ()) if node is not None else None
    return values, reader.lines, reader.problems


class _Reader:
    """Walks the nodes once."""

    def __init__(self, file: str, loader: YAML) -> None:
        self.file = file
        self.lines: dict[Path, int] = {}
        self.problems: list[Problem] = []
        self._construct = loader.constructor.construct_object
        self._seen: set[int] = set()

    def value(self, node: Node, path: Path) -> Any:
        line = node.start_mark.line + 1
        self.lines.setdefault(path, line)
        if id(node) in self._seen or node.anchor:
            self._wrong(line, path, "anchors and aliases are not read here", "write the value where it is used")
            return None
        self._seen.add(id(node))
        if len(path) > DEEPEST:
            self._wrong(line, path, "is nested too deep", "")
            return None
        if isinstance(node, MappingNode):
            return self._mapping(node, path)
        if isinstance(node, SequenceNode):
            return [self._item(item, (*path, i)) for i, item in enumerate(node.value)]
        if isinstance(node, ScalarNode):
            return self._scalar(node, path, line)
        raise BadInput(f"{self.file} is not YAML", [Problem(self.file, line, dotted(path), "can't be read")])

    def _item(self, node: Node, path: Path) -> Any:
        self.lines[path] = node.start_mark.line + 1
        return self.value(node, path)

    def _mapping(self, node: MappingNode, path: Path) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, ScalarNode):
                self._wrong(line, path, "a key must be a word", "")
                continue
            key = str(key_node.value)
            if key in found:
                self._wrong(line, (*path, key), "is given twice", "keep one of the two")
            self.lines[(*path, key)] = line
            found[key] = self.value(value_node, (*path, key))
        return found

    def _scalar(self, node: ScalarNode, path: Path, line: int) -> Any:
        plain = ("str", "int", "float", "bool", "null")
        if str(node.tag).rpartition(":")[2] not in plain:
            if str(node.tag).endswith(":timestamp"):
                return str(node.value)
            self._wrong(line, path, f"the tag {node.tag} is not read here", "write a plain value")
            return None
        try:
            return self._construct(node)
        except (ValueError, YAMLError):
            self._wrong(line, path, f"{node.value!r} can't be read", "write it in quotes")
            return None

    def _wrong(self, line: int, path: Path, wrong: str, right: str) -> None:
        self.problems.append(Problem(self.file, line, dotted(path), wrong, right))


def dotted(path: Path) -> str:
    """`deployments.town.groups.web.test[0].http`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else (f".{part}" if text else str(part))
    return text
