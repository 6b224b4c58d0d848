"""Package URLs are as the specification says, and as its own implementation reads them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from packageurl import PackageURL

from stoneware.bake.purl import package_url
from stoneware.model.component import ComponentType

SYSTEM = {"arch": "amd64", "distro": "debian-12"}


@pytest.mark.parametrize(
    ("given", "url"),
    [
        (("deb", "libc6", "2.36-9", "debian", SYSTEM), "pkg:deb/debian/libc6@2.36-9?arch=amd64&distro=debian-12"),
        (("deb", "g++", "4:12.2~0+b1", "debian", {}), "pkg:deb/debian/g%2B%2B@4:12.2~0%2Bb1"),
        (("deb", "curl", "1", "debian", {"distro": "", "arch": "all"}), "pkg:deb/debian/curl@1?arch=all"),
        (("npm", "core", "1.0.0-rc.1+x", "@angular", None), "pkg:npm/%40angular/core@1.0.0-rc.1%2Bx"),
        (("npm", "JSONStream", "1.3.5", "", None), "pkg:npm/jsonstream@1.3.5"),
        (("pypi", "Zope.Interface_x", "5!1.0", "", None), "pkg:pypi/zope.interface-x@5%211.0"),
        (("apk", "musl", "1.2.4-r2", "alpine", {"arch": "x86_64"}), "pkg:apk/alpine/musl@1.2.4-r2?arch=x86_64"),
    ],
)
def test_the_url_of_a_package(given: tuple[ComponentType, str, str, str, dict[str, str] | None], url: str) -> None:
    assert package_url(*given) == url
    assert PackageURL.from_string(url).to_string() == url


plain = st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="/"), min_size=1, max_size=12)


@settings(deadline=None)
@given(st.sampled_from(["apk", "deb", "npm", "pypi"]), plain, plain)
def test_whatever_the_version_it_is_read_back(type_: ComponentType, version: str, arch: str) -> None:
    url = package_url(type_, "name", version, "debian" if type_ != "pypi" else "", {"arch": arch})
    read = PackageURL.from_string(url)
    assert (read.type, read.name, read.version, read.qualifiers) == (type_, "name", version, {"arch": arch})
