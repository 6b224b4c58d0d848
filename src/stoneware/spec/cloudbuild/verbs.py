"""Stoneware's own steps in a build file: `name: stoneware/bake` with words instead of a program's arguments."""

from __future__ import annotations

import re
from typing import get_args

from stoneware.model.build import BuildStep, Verb
from stoneware.model.quantity import counted
from stoneware.spec.cloudbuild.file import Complaints, StepDraft
from stoneware.spec.words import near
from stoneware.spec.yaml_lines import Path, shown

OURS = "stoneware/"
_NAME = re.compile(r"[a-z][a-z0-9-]{0,39}")
_NAME_OR_IMAGE = re.compile(r"[a-z][a-z0-9-]{0,39}(/[1-9][0-9]{0,8})?")
WORDS: dict[Verb, tuple[int, int | None, str]] = {
    "check": (0, 0, "it takes no words"),
    "bake": (0, None, "name families, or none for all"),
    "publish": (0, None, "name families or images such as web/7, or none for all"),
    "deploy": (1, None, "name the deployments"),
    "promote": (2, None, "name the environments from and to, then deployments if not all"),
}
"""The fewest and the most words that each takes, and what they are."""
NOT_THEIRS = ("entrypoint", "script", "env", "volumes", "allow_exit_codes")
"""Fields that are a container's."""


def is_verb(name: str) -> bool:
    return name.startswith(OURS)


def verb_step(name: str, step: StepDraft, common: BuildStep, here: Path, say: Complaints) -> BuildStep:
    """A step of our own."""
    verb = next((one for one in get_args(Verb) if one == name.removeprefix(OURS)), None)
    if verb is None:
        best = near(name, [OURS + one for one in get_args(Verb)], "Stoneware's own steps")
        say.wrong((*here, "name"), f"{shown(name)} is no step of Stoneware's", best)
        return common
    for field in NOT_THEIRS:
        if getattr(step, field) not in (None, ()):
            key = re.sub("_([a-z])", lambda found: found[1].upper(), field)
            say.wrong((*here, key), f"means nothing to {name}, which runs in no container", "leave it out")
    fewest, most, right = WORDS[verb]
    if len(common.args) < fewest or (most is not None and len(common.args) > most):
        say.wrong((*here, "args"), f"{name} has {counted(len(common.args), 'word')}", right)
    form = _NAME_OR_IMAGE if verb == "publish" else _NAME
    for at, word in enumerate(common.args):
        if not form.fullmatch(word) and not say.touches((*here, "args", at)):
            say.wrong((*here, "args", at), f"{shown(word)} is no name", right)
    return common.model_copy(update={"verb": verb})
