"""Listings: equal trees, equal bytes; what can't be a listing is told from one."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stoneware.errors import BadInput
from stoneware.model.listing import FileEntry, from_lines, path_bytes, shown_path, to_lines

names = st.binary(min_size=1, max_size=12).map(lambda raw: raw.replace(b"\0", b"x").replace(b"/", b"y"))
parts = names.filter(lambda raw: raw not in (b".", b".."))
paths = st.lists(parts, min_size=1, max_size=4).map(lambda all_: b"/".join(all_).decode("utf-8", "surrogateescape"))
texts = st.text(max_size=12) | st.binary(max_size=12).map(lambda raw: raw.decode("utf-8", "surrogateescape"))
numbers = st.integers(0, 2**40)
entries = st.builds(
    FileEntry,
    kind=st.sampled_from("fdlcbps"),
    mode=st.integers(0, 0o7777),
    uid=numbers,
    gid=numbers,
    size=numbers,
    ref=texts,
    xattrs=st.lists(st.tuples(texts, texts), max_size=2).map(tuple),
)


@settings(deadline=None)
@given(st.dictionaries(paths, entries, max_size=8))
def test_every_listing_comes_back_and_is_sorted_by_bytes(listing: dict[str, FileEntry]) -> None:
    data = to_lines(listing)
    assert from_lines(data) == listing
    assert list(from_lines(data)) == sorted(listing, key=path_bytes)
    assert to_lines(from_lines(data)) == data
    assert data.isascii()
    assert data.count(b"\n") == len(listing)


def test_one_entry_a_line_as_documented() -> None:
    entry = FileEntry("f", 0o644, 0, 42, 7, "ab" * 32, (("security.capability", "0102"),))
    assert to_lines({"etc/ä\n": entry, ".": FileEntry("d", 0o755, 0, 0, 0, "")}) == (
        b'[".","d",493,0,0,0,"",[]]\n'
        b'["etc/\\u00e4\\n","f",420,0,42,7,"' + b"ab" * 32 + b'",[["security.capability","0102"]]]\n'
    )


LINKED = b'["a","f",420,0,0,7,"ff",[]]\n["b","f",420,0,0,7,"ff",[],"a"]\n'


def test_a_second_name_of_a_file_says_so_and_others_say_nothing() -> None:
    file = FileEntry("f", 0o644, 0, 0, 7, "ff")
    assert to_lines({"b": replace(file, link="a"), "a": file}) == LINKED
    assert from_lines(LINKED)["b"].link == "a"
    with pytest.raises(BadInput, match="can't hold"):
        to_lines({"a": file, "b": replace(file, link="c")})


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"a"]\n', b'"c"]\n'),
        (b'"a"]\n', b'"b"]\n'),
        (b'"a"]\n', b'""]\n'),
        (b'"a"]\n', b"7]\n"),
        (b'"a"]\n', b'"a","a"]\n'),
        (b'7,"ff",[],"a"', b'7,"fe",[],"a"'),
        (b'"b","f"', b'"b","l"'),
    ],
)
def test_a_link_to_what_is_not_that_file_is_none(old: bytes, new: bytes) -> None:
    with pytest.raises(BadInput, match="line 2"):
        from_lines(LINKED.replace(old, new))


def test_a_path_that_is_no_utf8_is_kept() -> None:
    path = os.fsdecode(b"caf\xe9")
    assert list(from_lines(to_lines({path: FileEntry("f", 0, 0, 0, 0, "")}))) == [path]


GOOD = b'["a","f",420,0,0,7,"",[]]\n'


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"null",
        b"{}",
        b"[]",
        b'["a","f",420,0,0,7,""]',
        b'["a","f",420,0,0,7,"",[],0]',
        b'["a","x",420,0,0,7,"",[]]',
        b'["a","fd",420,0,0,7,"",[]]',
        b'["a","f",-1,0,0,7,"",[]]',
        b'["a","f",33188,0,0,7,"",[]]',
        b'["a","f",true,0,0,7,"",[]]',
        b'["a","f",420.0,0,0,7,"",[]]',
        b'["a","f",420,0,0,1e3,"",[]]',
        b'["a","f",420,0,0,NaN,"",[]]',
        b'["a","f",420,0,0,9223372036854775808,"",[]]',
        b'["a","f",420,0,0,' + b"9" * 5000 + b',"",[]]',
        b'["a","f",420,0,0,7,null,[]]',
        b'["a","f",420,0,0,7,"",[["a"]]]',
        b'["a","f",420,0,0,7,"",[["a",1]]]',
        b'["a","f",420,0,0,7,"",7]',
        b'[["a"],"f",420,0,0,7,"",[]]',
        b'["a",["f"],420,0,0,7,"",[]]',
        b'["","f",420,0,0,7,"",[]]',
        b'["/a","f",420,0,0,7,"",[]]',
        b'["a/","f",420,0,0,7,"",[]]',
        b'["a//b","f",420,0,0,7,"",[]]',
        b'["a/../b","f",420,0,0,7,"",[]]',
        b'["..","f",420,0,0,7,"",[]]',
        b'["./a","f",420,0,0,7,"",[]]',
        b'["a\\u0000","f",420,0,0,7,"",[]]',
        b'["\\ud800","f",420,0,0,7,"",[]]',
        b'["a","l",420,0,0,7,"\\ud800",[]]',
        b'["a","l",420,0,0,7,"\\udcc3\\udca4",[]]',
        b'["a","f",420,0,0,7,"",[["\\ud800","00"]]]',
        b'["\\udcc3\\udca4","f",420,0,0,7,"",[]]',
        b'["\xc3\xa4","f",420,0,0,7,"",[]]',
        b"[" * 100_000,
        b'["a","f",420,0,0,7,"",[]] ["b"]',
    ],
)
def test_what_is_no_entry_is_named_by_its_line(line: bytes) -> None:
    with pytest.raises(BadInput, match="line 2 "):
        from_lines(b'[".","d",493,0,0,0,"",[]]\n' + line + b"\n")


def test_order_duplicates_and_a_missing_end() -> None:
    with pytest.raises(BadInput, match="line 2 "):
        from_lines(GOOD + GOOD)
    with pytest.raises(BadInput, match="line 2 "):
        from_lines(GOOD.replace(b"a", b"b", 1) + GOOD)
    with pytest.raises(BadInput, match="line 2 has no end"):
        from_lines(GOOD + GOOD[:-1])
    assert from_lines(b"") == {}


@pytest.mark.parametrize("path", ["", "/a", "a/..", "a\0"])
def test_what_could_not_be_read_back_is_not_written(path: str) -> None:
    with pytest.raises(BadInput):
        to_lines({path: FileEntry("f", 0, 0, 0, 0, "")})
    with pytest.raises(BadInput):
        to_lines({"a": FileEntry("f", 0o100644, 0, 0, 0, "")})


@pytest.mark.parametrize(
    ("raw", "shown"),
    [(b"usr/bin", "usr/bin"), ("é".encode(), "é"), (b"\xff a", "\\xff a"), (b"a\nb\x1b", "a\\nb\\x1b")],
)
def test_a_path_can_be_shown_whatever_it_is(raw: bytes, shown: str) -> None:
    assert shown_path(os.fsdecode(raw)) == shown
