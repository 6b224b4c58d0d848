"""Addresses of repositories as people give them: they are kept, shown and handed on, so nothing secret may be in one."""

from __future__ import annotations

import re

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
