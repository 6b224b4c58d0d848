"""The door to git: what every call has in common.

Repositories of other users are read with our rights, so nothing that they configure may run: no hooks, no helpers, no prompt. In
one that isn't ours nothing of git works but `upload-pack`, which is made to be asked by strangers; everything else is done in a
copy.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from stoneware.errors import ToolFailed, Unreachable
from stoneware.host.run import run

LIMIT_S = 60.0
QUIET = {
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_ALLOW_PROTOCOL": "file:git:http:https:ssh",
    "GIT_SSH_COMMAND": "ssh -oBatchMode=yes -oConnectTimeout=15",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_NO_LAZY_FETCH": "1",
    "LC_ALL": "C",
}
"""git asks nobody for a password; there is nobody. What is missing is not fetched on the way, by whatever a repository names for
that, and no helper is run for a way to a repository that git doesn't know itself. What it says is said in one language."""
SAFE = (
    "-c",
    "safe.directory=*",
    "-c",
    "core.hooksPath=/dev/null",
    "-c",
    "protocol.ext.allow=never",
    "-c",
    "core.fsmonitor=",
)
BARE_ENV = (
    "-u",
    "GIT_CONFIG_PARAMETERS",
    "-u",
    "XDG_CONFIG_HOME",
    "HOME=/nonexistent",
    "GIT_CONFIG_GLOBAL=/dev/null",
    "GIT_CONFIG_COUNT=0",
    "GIT_CONFIG_NOSYSTEM=1",
    "GIT_ATTR_NOSYSTEM=1",
)
"""For git without any settings of the daemon's user: by them, a commit's .gitattributes would have programs run over its files
(`filter.NAME.smudge`, as of LFS). An older git doesn't know GIT_CONFIG_GLOBAL, so there is no home either."""
UPLOAD = "git -c safe.directory=* upload-pack"
NOWHERE = Path("/")
"""Where git works that has no repository of its own to work in: the one that the daemon was started in has no say."""
UNREADABLE = "\ufffd"
"""What stands for bytes that are no text (`host/run.py`)."""
OBJECT = re.compile(r"^[0-9a-f]{40}([0-9a-f]{24})?$")


def git_words(*words: str | Path) -> list[str | Path]:
    """The words of a call. It knows the settings of the daemon's user: with them an operator says how a private repository is
    reached (credential helpers, other addresses)."""
    return ["git", *SAFE, *words]


def bare_git_words(*words: str | Path) -> list[str | Path]:
    """The words of a call that handles the files of a commit, which anybody may have made: no settings count but ours."""
    return ["env", *BARE_ENV, *git_words(*words)]


def upload_words(repository: str) -> list[str]:
    """How a repository of this host is read though it is another user's. A far one is asked with git's own word, for its shell
    takes no other (git-shell(1), GitHub, GitLab)."""
    return [f"--upload-pack={UPLOAD}"] if repository.startswith(("/", "file://")) else []


def ask_git(repository: str, words: Sequence[str | Path], limit_s: float = LIMIT_S) -> str:
    """What git answers about a repository. Raises Unreachable."""
    try:
        return run(words, timeout_s=limit_s, env=QUIET, cwd=NOWHERE).stdout
    except ToolFailed as failed:
        why = failed.message if failed.status is None else what_is_wrong(failed.tail)
        raise Unreachable(
            f"{repository} doesn't answer: {why}",
            "check its address, its rights, and the keys of the daemon's user",
        ) from failed


def what_is_wrong(told: str) -> str:
    """The line that says it, of all that git printed.

    Where a repository can't be read, git says at last that it couldn't and gives advice; what is wrong stands before that.
    """
    before = told.partition("fatal: Could not read from remote repository")[0]
    lines = [line.strip() for line in (before.strip() or told).splitlines() if line.strip()]
    clear = [line.split(": ", 1)[1] for line in lines if line.startswith(("fatal: ", "error: "))]
    return (clear[:1] or lines[-1:] or ["git said nothing"])[0]


def refs_of(repository: str) -> dict[str, str]:
    """Its refs with their commits, by full name, and HEAD; an annotated tag with the commit that it stands for.

    Raises Unreachable when the repository doesn't answer.
    """
    return parse_refs(ask_git(repository, git_words("ls-remote", *upload_words(repository), "--", repository)))


def parse_refs(told: str) -> dict[str, str]:
    """The answer of `git ls-remote` (lines of commit, tab, name). What isn't of that form is left out, and names that can't be
    told apart by who reads them: git allows line separators in them, and bytes that are no text."""
    known: dict[str, str] = {}
    for line in told.split("\n"):
        commit, _, ref = line.partition("\t")
        if OBJECT.match(commit) and ref.isprintable() and ref and UNREADABLE not in ref:
            known[ref] = commit
    peeled = {ref.removesuffix("^{}"): commit for ref, commit in known.items() if ref.endswith("^{}")}
    return {ref: peeled.get(ref, commit) for ref, commit in known.items() if not ref.endswith("^{}")}


def short_name(repository: str) -> str:
    """What people call a repository: the last part of its address."""
    return repository.rstrip("/").removesuffix(".git").rstrip("/").replace(":", "/").rpartition("/")[2] or "repository"
