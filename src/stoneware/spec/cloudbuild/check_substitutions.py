"""What may be declared as a substitution."""

from __future__ import annotations

import re
from collections.abc import Mapping

from stoneware.spec.cloudbuild.builtins import BUILT_IN, OF_THE_BUILD
from stoneware.spec.cloudbuild.file import Complaints
from stoneware.spec.words import near
from stoneware.spec.yaml_lines import shown

USER_KEY = re.compile(r"_[A-Z0-9_]+")
MOST = 200
LONGEST_KEY = 100
"""Bytes."""
LONGEST_VALUE = 4000
"""Bytes."""
CODE = "substitution-invalid"


def check_substitutions(values: Mapping[str, str], say: Complaints) -> None:
    """Says everything that is wrong with the file's own substitutions."""
    if len(values) > MOST:
        say.wrong(("substitutions",), f"has {len(values)} keys", f"write at most {MOST}", CODE)
    for key, value in values.items():
        wrong = wrong_pair(key, value, of_the_build=False)
        if wrong:
            say.wrong(("substitutions", key), *wrong, CODE)


def wrong_pair(key: str, value: str, *, of_the_build: bool) -> tuple[str, str] | None:
    """What is wrong with a substitution, and what would be right. `of_the_build`: it comes from whoever starts the build, who may
    say what Google itself would know."""
    if key in OF_THE_BUILD and not (of_the_build and key != "BUILD_ID"):
        if key == "BUILD_ID":
            return f"{key} can't be set", "leave it out: each build has its own"
        return f"{key} can't be set by the file", "give it when you start the build"
    if key not in BUILT_IN and not USER_KEY.fullmatch(key):
        known = [one for one in BUILT_IN if one not in OF_THE_BUILD]
        fitting = "_" + re.sub("[^A-Z0-9_]", "_", key.upper()).lstrip("_")
        meant = near(key, known, "")
        right = f"write {fitting if 1 < len(fitting) <= LONGEST_KEY else '_NAME'}"
        right = meant if meant.startswith("did you mean") else right
        return f"the key {shown(key)} must be _ and upper-case letters, digits or _", right
    if len(key.encode()) > LONGEST_KEY:
        return f"the key has {len(key.encode())} bytes", f"write at most {LONGEST_KEY}"
    if len(value.encode()) > LONGEST_VALUE:
        return f"has {len(value.encode())} bytes", f"write at most {LONGEST_VALUE}"
    return None
