"""What secrets are sealed with: made once, private, bound to what it seals; and never replaced behind anybody's back."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stoneware.errors import Misconfigured
from stoneware.host.home import Home
from stoneware.host.secret_key import secret_key

VALUE = b"otters and badgers"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    home.prepare()
    return home


def test_it_is_made_when_it_is_first_needed_and_stays(home: Home) -> None:
    first = secret_key(home)
    assert stat.S_IMODE(home.secret_key.stat().st_mode) == 0o600
    assert len(bytes.fromhex(home.secret_key.read_text())) == 32
    again = secret_key(home)
    assert again.id == first.id
    assert again.open(first.seal(VALUE, "a/1"), "a/1") == VALUE


def test_many_at_once_make_one_key(home: Home) -> None:
    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(lambda _: secret_key(home).id, range(8)))) == 1


def test_equal_values_are_sealed_differently_each_time(home: Home) -> None:
    key = secret_key(home)
    sealed = {key.seal(VALUE, "a/1") for _ in range(20)}
    assert len({one[:12] for one in sealed}) == 20
    assert not any(VALUE in one for one in sealed)


@given(place=st.integers(0, 45), bit=st.integers(0, 7))
def test_what_was_changed_is_not_opened(place: int, bit: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    home = Home(tmp_path_factory.mktemp("key"))
    key = secret_key(home)
    sealed = bytearray(key.seal(VALUE, "a/1"))
    assert len(sealed) == 12 + len(VALUE) + 16
    sealed[place] ^= 1 << bit
    assert key.open(bytes(sealed), "a/1") is None


def test_what_belongs_elsewhere_is_not_opened(home: Home, tmp_path: Path) -> None:
    key = secret_key(home)
    sealed = key.seal(VALUE, "db-password/1")
    assert key.open(sealed, "db-password/2") is None
    assert key.open(b"", "db-password/1") is None
    other = secret_key(Home(tmp_path))
    assert other.id != key.id
    assert other.open(sealed, "db-password/1") is None


def test_a_lost_key_is_not_replaced_silently(home: Home) -> None:
    first = secret_key(home).id
    home.secret_key.unlink()
    with pytest.raises(Misconfigured, match="is gone") as lost:
        secret_key(home)
    assert "put it back" in lost.value.next_step
    assert not home.secret_key.exists()
    home.secret_key_id.unlink()  # the other next step that it names
    assert secret_key(home).id != first


def test_a_key_that_was_exchanged_is_an_error(home: Home, tmp_path: Path) -> None:
    secret_key(home)
    secret_key(Home(tmp_path))
    (tmp_path / "secret-key").rename(home.secret_key)
    with pytest.raises(Misconfigured, match="doesn't belong"):
        secret_key(home)


@pytest.mark.parametrize("content", [b"", b"nonsense", b"\xff\x00", b"ab" * 31, b"ab" * 33])
def test_what_is_no_key_is_said_and_not_shown(content: bytes, home: Home) -> None:
    secret_key(home)
    home.secret_key.write_bytes(content)
    with pytest.raises(Misconfigured, match="is no key") as wrong:
        secret_key(home)
    assert not content or content.decode("latin-1") not in str(wrong.value)
    assert home.secret_key.read_bytes() == content


@pytest.mark.parametrize("bits", [0o640, 0o604, 0o620])
def test_a_key_that_others_can_read_is_an_error(bits: int, home: Home) -> None:
    secret_key(home)
    home.secret_key.chmod(bits)
    with pytest.raises(Misconfigured, match="by others"):
        secret_key(home)


def test_the_key_is_in_nothing_that_is_printed(home: Home) -> None:
    key = secret_key(home)
    secret = home.secret_key.read_text().strip()
    assert secret not in f"{key!r} {key} {home.secret_key_id.read_text()}"
