"""Addresses of repositories as people give them: they are kept, shown and handed on, so nothing secret may be in one."""

from __future__ import annotations

import re

READ = re.compile(
    r"/.*|(https?|ssh|git|file)://\S+|([A-Za-z0-9._-]+@)?([A-Za-z0-9][A-Za-z0-9.-]*|\[[0-9A-Fa-f:.]+\]):(?!//)[^:\s]\S*"
)
"""What git reads by itself: a folder, an address with one of these schemes, or `user@host:path` (git-clone(1)). Anything else runs
a helper, such as `ext::COMMAND` or `fd::17` (gitremote-helpers(7))."""
NAMED = re.compile(r"https?://[^/?#]*@", re.IGNORECASE)
"""A web address with somebody's name in it, or a token, which looks the same."""


def without_credentials(address: str) -> str:
    """The address. Raises ValueError for one of the web that says who asks."""
    if NAMED.match(address):
        raise ValueError(
            "an address with a name, password or token in it, which everybody would see: leave out what stands before the @; git's "
            "credential helper, the .netrc of the daemon's user, or a deploy key (ssh) says who asks"
        )
    return address


def without_helper(address: str) -> str:
    """The address. Raises ValueError for one that git doesn't read by itself."""
    if not READ.fullmatch(address):
        raise ValueError("no repository: write an absolute path, https://HOST/PATH, ssh://HOST/PATH or git@HOST:PATH")
    return address
