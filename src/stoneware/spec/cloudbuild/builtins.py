"""The substitutions that every build has without saying so."""

from __future__ import annotations

import re
from collections.abc import Mapping

from stoneware.model.build import Source

SHORT = 7
"""Digits of a commit in SHORT_SHA."""
OF_THE_BUILD = ("PROJECT_ID", "PROJECT_NUMBER", "LOCATION", "BUILD_ID")
"""What Google knows of every build, triggered or not; a file can't say otherwise."""
BUILT_IN = (
    *OF_THE_BUILD,
    "TRIGGER_NAME",
    "COMMIT_SHA",
    "SHORT_SHA",
    "REVISION_ID",
    "REPO_NAME",
    "REPO_FULL_NAME",
    "BRANCH_NAME",
    "TAG_NAME",
    "REF_NAME",
    "TRIGGER_BUILD_CONFIG_PATH",
    "SERVICE_ACCOUNT_EMAIL",
    "SERVICE_ACCOUNT",
)
OF_THE_TRIGGER = tuple(
    one for one in BUILT_IN if one not in (*OF_THE_BUILD, "SERVICE_ACCOUNT_EMAIL", "SERVICE_ACCOUNT")
)
"""What is known of a push: in its build nobody says otherwise."""
DEFAULTS = {"PROJECT_ID": "local", "PROJECT_NUMBER": "0", "LOCATION": "local"}
"""Google never has these empty, and names such as `gcr.io/$PROJECT_ID/app` need them; whoever starts a build may say others."""


def built_in(
    source: Source, build_id: str, given: Mapping[str, str], trigger: str = "", config: str = ""
) -> dict[str, str]:
    """The value of each; empty where there is none. `given` are those that were said from outside or in the file. In a build of a
    `trigger`, of the build file `config`, they can't say what is known otherwise: they may be the commit's."""
    known = {
        **dict.fromkeys(BUILT_IN, ""),
        **DEFAULTS,
        "BUILD_ID": build_id,
        "TRIGGER_NAME": trigger,
        "TRIGGER_BUILD_CONFIG_PATH": config if trigger else "",
        "COMMIT_SHA": source.commit,
        "REVISION_ID": source.commit,
        "SHORT_SHA": source.commit[:SHORT],
        "REPO_NAME": source.name,
        "REPO_FULL_NAME": _full_name(source),
        "BRANCH_NAME": source.branch,
        "TAG_NAME": source.tag,
        "REF_NAME": source.tag or source.branch,
    }
    said = {key: value for key, value in given.items() if key in known}
    return {**known, **{key: value for key, value in said.items() if not trigger or key not in OF_THE_TRIGGER}}


def _full_name(source: Source) -> str:
    """`owner/name` where the repository's address says who owns it; else its name."""
    address = re.fullmatch(r"(?:[a-z+]+://[^/]+/|[^/@]+@[^/:]+:)(.+?)(?:\.git)?/*", source.repository)
    return address[1].strip("/") if address else source.name
