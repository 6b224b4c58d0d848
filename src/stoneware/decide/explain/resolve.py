"""Which thing a name means: a deployment, a machine, an image or an operation."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import get_args

from stoneware.errors import BadInput, NotFound
from stoneware.model.explanation import Subject

KINDS: tuple[Subject, ...] = get_args(Subject)
MOST_NAMED = 5


def resolve(given: str, names: Mapping[Subject, Sequence[str]]) -> tuple[Subject, str]:
    """The one thing of that name. `machine:NAME` asks for a machine only; an image may be named by its digest's beginning, too,
    if `names` has it so.

    Raises BadInput naming all when several have the name, NotFound with the nearest names when nothing has it.
    """
    before, colon, rest = given.partition(":")
    kinds = [kind for kind in KINDS if kind == before] if colon else []
    name = rest if kinds else given
    found = [kind for kind in kinds or KINDS if name in names.get(kind, ())]
    if len(found) == 1:
        return found[0], name
    if found:
        these = ", ".join(f"{kind}:{name}" for kind in found)
        raise BadInput(f"{name} names several things", next_step=f"say which: {these}", code="name-ambiguous")
    near = _nearest(name, [one for kind in kinds or KINDS for one in names.get(kind, ())])
    hint = f"perhaps {' or '.join(near)}" if near else "`stoneware explain` shows all deployments"
    raise NotFound(f"no {' or '.join(kinds or ('deployment, machine, image', 'operation'))} is named {name}", hint)


def _nearest(name: str, known: Sequence[str]) -> list[str]:
    """Names that begin alike, then names that look alike."""
    begin = [one for one in known if one.startswith(name)]
    return list(dict.fromkeys([*begin, *difflib.get_close_matches(name, known, n=MOST_NAMED, cutoff=0.6)]))[:MOST_NAMED]
