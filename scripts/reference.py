"""Writes docs/reference.md from the code itself: every command's help, every key of stoneware.yaml, every error; and docs/codes.md,
the page of every code in one; and docs/build-fields.md, every field of a build file. A test compares.

python scripts/reference.py            writes them
python scripts/reference.py --check    says whether they are up to date
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import click
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from stoneware import errors
from stoneware.cli.main import COMMANDS, cli
from stoneware.codes import CODES
from stoneware.codes import PAGES as CODE_PAGES
from stoneware.model.document import Document
from stoneware.model.drift_classes import CLASSES
from stoneware.spec.cloudbuild.fields import FIELDS, Fate

DOCS = Path(__file__).resolve().parent.parent / "docs"

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
| environment | overrides over a deployment; it comes out as a deployment of its own, DEPLOYMENT-ENVIRONMENT |
| promotion | what runs in one environment comes to the next, as the same digests |
| gate | what has to hold before images come to an environment |
| role | who may approve a promotion; it belongs to the installation |
| group | machines of one role |
| machine | one instance |
| fleet | the machines of a group made from the same content |
| disk | persistent data; outlives machines; one writer |
| secret | a value that machines get and nobody is shown; has versions, and releases pin them |
| snapshot | what a disk held at one moment, kept apart from it |
| service | a traffic entry; its route says who gets the requests |
| engine | where machines live |
| break-glass | the only way into a machine, by `stoneware shell`: on record, and it taints |
| taint | what makes a machine one that nobody can vouch for; it goes with the machine alone |
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
| 1 | failed, or refused; `stoneware drift` could not compare |
| 2 | bad input; nothing was changed |
| 3 | the daemon can't be reached |
| 4 | `stoneware drift` found drift |
"""


CLASSES_SAY = """\
A difference counts when so many looks in a row have shown it, two seconds apart. `replace` makes a machine anew within its group's
disruption budget (not when more than a third of the group differs at once), and sets a route again. `quarantine` makes the group
anew first; the machine then gets no traffic and runs on, until `stoneware machine release` lets it go. By default nothing but
routes is put right by itself: a replacement takes evidence away, and for a while a machine out of its group.
"""


def page() -> str:
    """The whole document."""
    parts = ["# Reference", "Written by `scripts/reference.py` from the code; a test keeps it true.", "## Words", WORDS]
    parts += ["## Image states", STATES, "## Exit codes", EXITS, "## stoneware.yaml"]
    parts += ["Sizes are written `512MiB`, times `500ms`, `30s`, `10m`, `24h` or `7d`. Unknown keys are errors."]
    parts += list(_keys())
    parts += ["## Classes of drift", CLASSES_SAY, *_classes()]
    parts += ["## Commands", *_commands(), "## Errors", *_errors()]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _classes() -> Iterator[str]:
    """Every class of drift as a row."""
    rows = [
        "| class | view | severity | looks | by itself | possible | what it means |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, known in CLASSES.items():
        possible = ", ".join(policy for policy in known.may_be if policy != known.policy)
        facts = (f"`{name}`", known.view, known.severity, str(known.looks), known.policy, possible, known.means)
        rows.append(f"| {' | '.join(facts)} |")
    yield "\n".join(rows)


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
    if "tuple[" in text:
        return f"list of {_element(text)}"
    if "dict[" in text:
        return "texts, by name"
    schema = _bare(field.annotation)
    names = {int: "number", float: "time" if _is_time(field) else "number", str: "text", bool: "yes or no"}
    if "parse_moment" in str(field.metadata):
        return "a day, or a moment"
    if "parse_size" in str(field.metadata):
        return "size"
    if "Literal" in text:
        return " or ".join(f"`{one}`" for one in get_args(field.annotation))
    return names.get(schema, "text")  # type: ignore[arg-type]


def _element(text: str) -> str:
    if text.count("tuple[") > 1:
        return "lists of texts"
    if "_check_path" in text:
        return "paths"
    return "words" if "Literal" in text else "numbers" if re.search(r"\bint\b", text) else "texts"


def _is_time(field: FieldInfo) -> bool:
    told = f"{field.annotation} {field.metadata}"
    return "parse_time" in told or "parse_span" in told


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
    if isinstance(value, tuple):
        return f"`[{', '.join(map(str, value))}]`"
    return f"`{format_time(value)}`" if isinstance(value, float) and _is_time(field) else f"`{value}`"


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
    rows = ["| error | its code, if there is no finer one | what it says |", "|---|---|---|"]
    for name, kind in vars(errors).items():
        if isinstance(kind, type) and issubclass(kind, errors.StonewareError):
            said = inspect.cleandoc(kind.__doc__ or "").splitlines()[0]
            rows.append(f"| {name} | [{kind.code}](codes.md#{kind.code}) | {said} |")
    yield "\n".join(rows)


CODES_INTRO = """\
# Codes

Every failure carries a code: on the command line, in `--json`, in the API's problem documents, and in operations that ended
otherwise than hoped for. A code keeps its name and its meaning. `stoneware docs CODE` prints its page where there is no network.
Written by `scripts/reference.py`; a test keeps it true."""


def codes_page() -> str:
    """All codes with their pages."""
    rows = ["| code | means that |", "|---|---|", *(f"| [{code}](#{code}) | {line} |" for code, line in CODES.items())]
    parts = [f"## {code}\n\n{(CODE_PAGES / f'{code}.md').read_text().strip()}" for code in CODES]
    return "\n\n".join([CODES_INTRO, "\n".join(rows), *parts]) + "\n"


FIELDS_INTRO = """\
# Fields of a build file

Every field of Google Cloud Build's format, as its REST resource names it (`wait_for` is read like `waitFor`), and what becomes of
it here. What is refused would make another build of it; what means nothing here is read, and said in a warning. The
[guide to builds](builds.md) has the rules. Written by `scripts/reference.py`; a test keeps it true, and another compares the table
with Google's own description of the format."""


def build_fields_page() -> str:
    """All fields of build files."""
    parts = []
    for group, fields in FIELDS.items():
        rows = ["| field | here | |", "|---|---|---|"]
        for name, field in sorted(fields.items(), key=lambda one: list(Fate).index(one[1].fate)):
            rows.append(f"| `{name}` | {field.fate} | {field.says or _kind(field.kind)} |")
        parts.append(f"## {group}\n\n" + "\n".join(rows))
    return "\n\n".join([FIELDS_INTRO, *parts]) + "\n"


def _kind(kind: str) -> str:
    bare = kind.strip("[]")
    linked = f"[{bare}](#{bare.lower()})" if bare in FIELDS else bare.replace(" | ", " or ")
    return f"list of {linked}" if kind.startswith("[") else linked


WRITTEN = {"reference.md": page, "codes.md": codes_page, "build-fields.md": build_fields_page}


if __name__ == "__main__":
    for name, written in WRITTEN.items():
        if "--check" not in sys.argv:
            (DOCS / name).write_text(written())
        elif not (DOCS / name).exists() or (DOCS / name).read_text() != written():
            sys.exit(f"docs/{name} is not up to date: run scripts/reference.py")
