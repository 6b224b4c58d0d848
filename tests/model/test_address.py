"""Which addresses say who asks."""

from __future__ import annotations

import pytest

from stoneware.model.address import without_credentials, without_helper


@pytest.mark.parametrize(
    "address",
    ["/srv/web.git", "https://h/o/r.git", "https://h/o/r@2.git", "https://h?a@b", "git@h:o/r.git", "ssh://git@h/o/r"],
)
def test_what_says_nothing_secret(address: str) -> None:
    assert without_credentials(address) == address


@pytest.mark.parametrize("address", ["https://token@h/r", "HTTPS://a:b@h/r", "http://a:@h", "https://@h/r"])
def test_what_says_who_asks(address: str) -> None:
    with pytest.raises(ValueError, match="credential helper"):
        without_credentials(address)


@pytest.mark.parametrize(
    "address",
    [
        *("/srv/web.git", "/srv/a web.git", "https://h/o/r.git", "http://h:80/r", "ssh://git@h:22/o/r", "git://h/r"),
        *("file:///srv/web.git", "git@h:o/r.git", "h:r", "git@h:/srv/r.git", "git@[::1]:r", "ssh://git@[::1]/r"),
    ],
)
def test_what_git_reads_by_itself(address: str) -> None:
    assert without_helper(address) == address


@pytest.mark.parametrize(
    "address",
    [
        *("fd::17", "ext::sh -c id", "ext::id", "http::h/r", "ftp://h/r", "HTTPS://h/r", "transport::a", "web", "a/b"),
        *("h:", "h::r", "h: r", "-h:r", "u@fd::17", "https://", "https:// h"),
    ],
)
def test_what_runs_a_helper_or_is_no_address(address: str) -> None:
    with pytest.raises(ValueError, match="no repository"):
        without_helper(address)
