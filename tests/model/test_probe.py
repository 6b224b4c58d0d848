"""Probes: the path of a question is one that can stand in a request as it is."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from stoneware.model.probe import HttpProbe


@pytest.mark.parametrize("path", ["/", "/healthz", "/a/b?c=d&e=f", "/it's(ok)", "/a%20b", "/~me/*;v=1,2"])
def test_paths_of_a_request(path: str) -> None:
    assert HttpProbe(port=80, path=path).path == path


@pytest.mark.parametrize("path", ["", "healthz", "/a b", "/a#b", '/"', "/a\\b", "/ä", "/a\n", "/a\r\nHost: x", "/\0"])
def test_what_is_no_path_of_a_request(path: str) -> None:
    with pytest.raises(ValidationError):
        HttpProbe(port=80, path=path)


@pytest.mark.parametrize("port", [0, -1, 65536, 80.0, True])
def test_what_is_no_port(port: int) -> None:
    with pytest.raises(ValidationError):
        HttpProbe(port=port)
