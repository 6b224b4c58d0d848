"""The URI of a repository can be published: others can fetch from it, and it betrays nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stoneware.bake.repository import git_uri

AT = "0123abcd"


@pytest.mark.parametrize(
    ("repository", "uri"),
    [
        ("https://example.org/shop/web.git", "git+https://example.org/shop/web.git@0123abcd"),
        ("https://example.org:8443/web", "git+https://example.org:8443/web@0123abcd"),
        ("https://ann:secret@example.org/web", "git+https://example.org/web@0123abcd"),
        ("https://secret@example.org/web?token=secret#secret", "git+https://example.org/web@0123abcd"),
        ("ssh://git:secret@example.org:22/web", "git+ssh://git@example.org:22/web@0123abcd"),
        ("git@example.org:shop/web.git", "git+ssh://git@example.org/shop/web.git@0123abcd"),
        ("example.org:web", "git+ssh://example.org/web@0123abcd"),
        ("git://[::1]/web", "git+git://[::1]/web@0123abcd"),
        ("https://example.org/a b@c", "git+https://example.org/a%20b%40c@0123abcd"),
        ("/home/ann/web", ""),
        ("../web", ""),
        ("file:///home/ann/web", ""),
        ("ext::sh -c secret", ""),
        ("https://[/web", ""),
        ("https://example.org:port/web", ""),
        ("https://", ""),
        ("", ""),
    ],
)
def test_the_uri_of_a_repository(repository: str, uri: str) -> None:
    assert git_uri(repository, AT) == uri


@given(
    st.sampled_from(["https", "http", "git"]), st.from_regex(r"[a-z0-9:%]{0,8}secret[a-z0-9:%]{0,8}", fullmatch=True)
)
def test_no_name_or_password_is_published(scheme: str, user: str) -> None:
    assert "secret" not in git_uri(f"{scheme}://{user}@example.org/web", AT)
