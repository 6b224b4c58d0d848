"""Which addresses say who asks."""

from __future__ import annotations

import pytest

from stoneware.model.address import without_credentials


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
