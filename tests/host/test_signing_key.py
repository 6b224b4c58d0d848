"""The installation's key: made once, whole, private; and never replaced behind anybody's back."""

from __future__ import annotations

import hashlib
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from stoneware.errors import BadInput, Misconfigured
from stoneware.host.home import Home
from stoneware.host.signing_key import installation_key, read_public
from stoneware.host.trusted_keys import believed_keys, distrust, trust, trusted_keys

PKCS8 = serialization.PrivateFormat.PKCS8
PEM = serialization.Encoding.PEM

VECTORS = [
    (
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe246551"
        "41438e7a100b",
    ),
    (
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d"
        "291612bb0c00",
    ),
    (
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027"
        "beceea1ec40a",
    ),
]
"""RFC 8032, section 7.1, tests 1 to 3: secret key, public key, message, signature."""


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    home.prepare()
    return home


def put(home: Home, private: object, password: bytes | None = None) -> None:
    """Leaves a key where the installation's own is."""
    how = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    home.signing_key.touch(mode=0o600)
    home.signing_key.write_bytes(private.private_bytes(PEM, PKCS8, how))  # type: ignore[attr-defined]


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_it_is_made_when_it_is_first_needed_and_stays(home: Home) -> None:
    first = installation_key(home)
    assert (mode(home.signing_key), mode(home.public_key)) == (0o600, 0o644)
    assert home.signing_key.read_bytes().startswith(b"-----BEGIN PRIVATE KEY-----\n")
    assert home.public_key.read_text() == first.public.pem
    again = installation_key(home)
    assert again.public == first.public
    assert again.sign(b"x") == first.sign(b"x")
    assert len(first.sign(b"x")) == 64


def test_its_id_is_the_digest_of_its_spki(home: Home) -> None:
    public = installation_key(home).public
    loaded = serialization.load_pem_public_key(home.public_key.read_bytes())
    der = loaded.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    assert public.id == hashlib.sha256(der).hexdigest()


def test_many_at_once_make_one_key(home: Home) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: installation_key(home).public.id, range(8)))
    assert len(set(made)) == 1


def test_a_missing_public_file_is_made_again(home: Home) -> None:
    first = installation_key(home)
    home.public_key.unlink()
    assert installation_key(home).public == first.public
    assert home.public_key.read_text() == first.public.pem
    assert mode(home.public_key) == 0o644


def test_a_lost_key_is_not_replaced_silently(home: Home) -> None:
    first = installation_key(home)
    home.signing_key.unlink()
    with pytest.raises(Misconfigured, match="is gone"):
        installation_key(home)
    assert not home.signing_key.exists()
    home.trusted_keys.mkdir()
    home.public_key.rename(home.trusted_keys / home.public_key.name)  # the next step that it names
    second = installation_key(home)
    assert second.public != first.public
    assert set(believed_keys(home)) == {first.public.id, second.public.id}


def test_a_public_file_of_another_key_is_an_error(home: Home, tmp_path: Path) -> None:
    installation_key(home)
    (tmp_path / "other").mkdir()
    home.public_key.write_text(installation_key(Home(tmp_path / "other")).public.pem)
    with pytest.raises(Misconfigured, match="doesn't belong"):
        installation_key(home)


@pytest.mark.parametrize(
    "content", [b"", b"nonsense", b"\xff\x00", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"]
)
def test_a_corrupt_key_is_an_error_with_a_next_step(content: bytes, home: Home) -> None:
    installation_key(home)
    home.signing_key.write_bytes(content)
    with pytest.raises(Misconfigured, match="is no Ed25519 key") as wrong:
        installation_key(home)
    assert "put it back" in wrong.value.next_step
    assert home.signing_key.read_bytes() == content


def test_another_kind_of_key_or_one_with_a_password_is_an_error(home: Home) -> None:
    put(home, ec.generate_private_key(ec.SECP256R1()))
    with pytest.raises(Misconfigured, match="is no Ed25519 key"):
        installation_key(home)
    put(home, Ed25519PrivateKey.generate(), b"password")
    with pytest.raises(Misconfigured, match="without a password"):
        installation_key(home)


@pytest.mark.parametrize("bits", [0o640, 0o604, 0o620])
def test_a_key_that_others_can_read_is_an_error(bits: int, home: Home) -> None:
    installation_key(home)
    home.signing_key.chmod(bits)
    with pytest.raises(Misconfigured, match="by others"):
        installation_key(home)


def test_the_private_part_is_in_nothing_that_is_printed(home: Home) -> None:
    private = Ed25519PrivateKey.generate()
    put(home, private)
    secret = private.private_bytes_raw()
    key = installation_key(home)
    lines = home.signing_key.read_text().splitlines()[1]
    for text in (repr(key), str(key), repr(vars(key).keys()), f"{key.public}"):
        assert lines not in text
        assert secret.hex() not in text
        assert "Ed25519PrivateKey" not in text


@pytest.mark.parametrize(("secret", "public", "message", "signature"), VECTORS)
def test_signatures_are_those_of_rfc_8032(secret: str, public: str, message: str, signature: str, home: Home) -> None:
    put(home, Ed25519PrivateKey.from_private_bytes(bytes.fromhex(secret)))
    key = installation_key(home)
    assert key.public.raw.hex() == public
    assert key.sign(bytes.fromhex(message)).hex() == signature
    assert key.public.verifies(bytes.fromhex(signature), bytes.fromhex(message))
    assert not key.public.verifies(bytes.fromhex(signature), bytes.fromhex(message) + b"\0")
    assert not key.public.verifies(bytes.fromhex(signature)[:-1], bytes.fromhex(message))
    assert not key.public.verifies(b"", bytes.fromhex(message))


def test_a_public_key_is_read_whatever_stands_around_it(home: Home) -> None:
    public = installation_key(home).public
    assert read_public(f"a comment\r\n{public.pem}\n", "it") == public


@pytest.mark.parametrize(
    ("pem", "what"),
    [
        ("", "no public key"),
        ("é", "no public key"),
        ("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "no public key"),
        ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "no public key"),
        ("-----BEGIN PRIVATE KEY-----\nSECRET\n-----END PRIVATE KEY-----\n", "holds a private key"),
    ],
)
def test_what_is_no_public_key_is_said(pem: str, what: str) -> None:
    with pytest.raises(BadInput, match=what) as wrong:
        read_public(pem, "key.pub")
    assert "SECRET" not in str(wrong.value)


def test_another_kind_of_public_key_is_said() -> None:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    pem = ec.generate_private_key(ec.SECP256R1()).public_key().public_bytes(PEM, form).decode()
    with pytest.raises(BadInput, match="no Ed25519 key"):
        read_public(pem, "key.pub")


def test_trusted_keys_are_files_that_a_person_may_put_there_too(home: Home, tmp_path: Path) -> None:
    assert trusted_keys(home) == {}
    (tmp_path / "other").mkdir()
    other = installation_key(Home(tmp_path / "other")).public
    trust(home, other)
    trust(home, other)
    assert [path.name for path in home.trusted_keys.iterdir()] == [f"{other.id}.pub"]
    assert trusted_keys(home) == {other.id: other}
    (home.trusted_keys / f"{other.id}.pub").rename(home.trusted_keys / "partner.pub")
    assert trusted_keys(home) == {other.id: other}
    assert set(believed_keys(home)) == {other.id, installation_key(home).public.id}
    distrust(home, other.id)
    distrust(home, other.id)
    assert trusted_keys(home) == {}


@pytest.mark.parametrize("content", [b"", b"x" * 5000, b"\xff"])
def test_a_trusted_file_that_is_no_key_is_named(content: bytes, home: Home) -> None:
    home.trusted_keys.mkdir()
    (home.trusted_keys / "partner.pub").write_bytes(content)
    with pytest.raises(Misconfigured, match=r"partner\.pub is no"):
        trusted_keys(home)
