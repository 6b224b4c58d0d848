"""Where a commit can be fetched from, as a URI that may be published: no secret and no path of this host is in it."""

from __future__ import annotations

import re
from urllib.parse import quote, urlsplit

SCHEMES = ("git", "http", "https", "ssh")
_SCP = re.compile(r"(?:(?P<user>[A-Za-z0-9._-]+)@)?(?P<host>[A-Za-z0-9.-]+):(?P<path>[^/:][^:]*)")
"""`git@host:group/project.git`, as git-clone(1) allows it."""


def git_uri(repository: str, commit: str) -> str:
    """`git+https://host/project@COMMIT` (the form that SPDX calls a VCS location); empty for what can't be fetched by others.

    Names and passwords are left out, but for ssh, where the name is part of the address and no secret.
    """
    scp = _SCP.fullmatch(repository)
    if scp:
        user = f"{scp['user']}@" if scp["user"] else ""
        return f"git+ssh://{user}{scp['host']}/{_quoted(scp['path'])}@{commit}"
    try:
        parts = urlsplit(repository)
        host, port = parts.hostname, parts.port
    except ValueError:
        return ""
    if parts.scheme not in SCHEMES or not host or not re.fullmatch(r"[a-z0-9.:-]+", host):
        return ""
    user = f"{quote(parts.username)}@" if parts.scheme == "ssh" and parts.username else ""
    place = f"[{host}]" if ":" in host else host
    return f"git+{parts.scheme}://{user}{place}{f':{port}' if port else ''}{_quoted(parts.path)}@{commit}"


def _quoted(path: str) -> str:
    """An `@` in a path would look like the commit's."""
    return quote(path, safe="/%~+")
