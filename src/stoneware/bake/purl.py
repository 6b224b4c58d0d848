"""Package URLs, as the purl specification (ECMA-427) builds them: `pkg:deb/debian/libc6@2.36-9?arch=amd64&distro=debian-12`."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

from stoneware.model.component import ComponentType


def package_url(
    type_: ComponentType, name: str, version: str, namespace: str = "", qualifiers: Mapping[str, str] | None = None
) -> str:
    """The URL of a package. Names are brought into the one form that their type has; empty qualifiers are left out."""
    parts = [*(part for part in namespace.split("/") if part), _canonical(type_, name)]
    if type_ != "pypi":  # neither distributions nor their packages have capitals, nor have npm's scopes and names
        parts = [part.lower() for part in parts]
    words = [f"{key}={_quoted(value)}" for key, value in sorted((qualifiers or {}).items()) if value]
    end = f"?{'&'.join(words)}" if words else ""
    return f"pkg:{type_}/{'/'.join(map(_quoted, parts))}@{_quoted(version)}{end}"


def _canonical(type_: ComponentType, name: str) -> str:
    """PyPI holds `a_b` and `A-b` for one name; the specification writes it with dashes and without capitals."""
    return name.replace("_", "-").lower() if type_ == "pypi" else name


def _quoted(text: str) -> str:
    """Everything but letters, digits and `-._~:` is percent-encoded."""
    return quote(text, safe=":")
