"""Writes docs/reference.md from the code itself: every command's help, every key of stoneware.yaml, every error. A test compares.

python scripts/reference.py            writes it
python scripts/reference.py --check    says whether it is up to date
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import click
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from stoneware import errors
from stoneware.cli.main import COMMANDS, cli
from stoneware.model.deployment import Document

PAGE = Path(__file__).resolve().parent.parent / "docs" / "reference.md"

WORDS = """\
| word | what it means |
|---|---|
| recipe | a Containerfile and a few settings |
| bake | recipe -> sealed image: built, sealed, booted, tested, published |
| image | immutable, named FAMILY/N, identified by its digest |
| family | resolves to its highest-numbered ACTIVE image |
| publish | STAGED -> ACTIVE, only with a passing boot test of that very digest |
| deployment | the declared whole: groups, disks, services |
| plan | what would change, with digests |
| release | numbered, immutable: expanded declaration and pinned digests |
| rollout | the operation that makes a release true |
| group | machines of one role |
| machine | one instance |
| fleet | the machines of a group made from the same content |
| disk | persistent data; outlives machines; one writer |
| service | a traffic entry; its route says who gets the requests |
| engine | where machines live |
| ledger | the audit record |
"""

STATES = """\
| state | meaning |
|---|---|
| STAGED | baked, not yet tested |
| ACTIVE | the family may resolve to it |
| DEPRECATED | usable with a warning; the family skips it |
| OBSOLETE | new use is refused |
| DELETED | gone; its number is never used again |

What is stored is what a person decided last. A published image counts as the furthest of ACTIVE, DEPRECATED and OBSOLETE that
is stored or whose timer has come; a revoked one counts as OBSOLETE, and a release that pins it isn't rolled back to. An image
whose time to be deleted has come counts as OBSOLETE until a prune deletes it.
"""

EXITS = """\
| code | meaning |
|---|---|
| 0 | done |
| 1 | failed, or refused |
| 2 | bad input; nothing was changed |
| 3 | the daemon can't be reached |
"""


def page() -> str:
    """The whole document."""
    parts = ["# Reference", "Written by `scripts/reference.py` from the code; a test keeps it true.", "## Words", WORDS]
    parts += ["## Image states", STATES, "## Exit codes", EXITS, "## stoneware.yaml"]
    parts += ["Sizes are written `512MiB`, times `500ms`, `30s`, `10m`, `24h` or `7d`. Unknown keys are errors."]
    parts += list(_keys())
    parts += ["## Commands", *_commands(), "## Errors", *_errors()]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _keys() -> Iterator[str]:
    """A table a model, in the order in which they are first met."""
    waiting: list[type[BaseModel]] = [Document]
    met = set(waiting)
    while waiting:
        model = waiting.pop(0)
        rows = ["| key | type | default |", "|---|---|---|"]
        for name, field in model.model_fields.items():
            rows.append(f"| `{name}` | {_type(field)} | {_default(field)} |")
            for inner in _models(field.annotation):
                if inner not in met:
                    met.add(inner)
                    waiting.append(inner)
        yield f"### {model.__name__}\n\n{inspect.cleandoc(model.__doc__ or '')}\n\n" + "\n".join(rows)


def _models(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in _models(part)]


def _type(field: FieldInfo) -> str:
    models = _models(field.annotation)
    if models:
        name = f"[{models[0].__name__}](#{models[0].__name__.lower()})"
        text = str(field.annotation)
        return f"{name}, by name" if "dict[" in text else f"list of {name}" if "tuple[" in text else name
    text = str(field.annotation)
    for mark, word in (("AbsolutePath", "list of paths"), ("tuple[", "list of paths"), ("dict[", "texts, by name")):
        if mark in text:
            return word
    schema = _bare(field.annotation)
    names = {int: "number", float: "time", str: "text", bool: "yes or no"}
    if "parse_size" in str(field.metadata):
        return "size"
    if "Literal" in text:
        return " or ".join(f"`{one}`" for one in get_args(field.annotation))
    return names.get(schema, "text")  # type: ignore[arg-type]


def _bare(annotation: Any) -> Any:
    """The type itself, without `| None` and without annotations."""
    inner = [one for one in get_args(annotation) if one is not type(None)]
    return _bare(inner[0]) if inner else annotation


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "must be given"
    value = field.get_default(call_default_factory=True)
    if value is None or value in ((), {}) or isinstance(value, BaseModel):
        return ""
    from stoneware.model.quantity import format_size, format_time

    if "parse_size" in str(field.metadata):
        return f"`{format_size(value)}`"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f"`{format_time(value)}`" if isinstance(value, float) else f"`{value}`"


def _commands() -> Iterator[str]:
    parent = click.Context(cli, info_name="stoneware", max_content_width=100, terminal_width=100)
    for name in COMMANDS:
        command = _found(cli, parent, name)
        yield _help(command, parent, f"stoneware {name}")
        if isinstance(command, click.Group):
            own = click.Context(command, info_name=name, parent=parent, max_content_width=100, terminal_width=100)
            for inner in command.list_commands(own):
                yield _help(_found(command, own, inner), own, f"stoneware {name} {inner}")


def _found(group: click.Group, context: click.Context, name: str) -> click.Command:
    command = group.get_command(context, name)
    if command is None:
        raise LookupError(name)
    return command


def _help(command: click.Command, parent: click.Context, words: str) -> str:
    own = click.Context(command, info_name=words.rpartition(" ")[2], parent=parent, max_content_width=100)
    return f"### `{words}`\n\n```text\n{command.get_help(own)}\n```"


def _errors() -> Iterator[str]:
    rows = ["| error | what it says |", "|---|---|"]
    for name, kind in vars(errors).items():
        if isinstance(kind, type) and issubclass(kind, errors.StonewareError):
            rows.append(f"| {name} | {inspect.cleandoc(kind.__doc__ or '').splitlines()[0]} |")
    yield "\n".join(rows)


if __name__ == "__main__":
    if "--check" in sys.argv:
        sys.exit(0 if PAGE.read_text() == page() else "docs/reference.md is not up to date: run scripts/reference.py")
    PAGE.write_text(page())
