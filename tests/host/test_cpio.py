"""The archive as the kernel reads it (cpio(5), `newc`): entries in order, aligned, and the same bytes every time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from stoneware.host.cpio import DEVICE, FILE, FOLDER, LINK, Entry, archive, behind

names = st.from_regex(r"[a-z][a-z.-]{0,8}(/[a-z]{1,5}){0,2}", fullmatch=True)
trees = st.dictionaries(
    names, st.builds(Entry, st.sampled_from([FILE | 0o644, LINK | 0o777]), st.binary(max_size=20)), max_size=6
)


@dataclass(frozen=True)
class Read:
    """An entry as it was read back."""

    number: int
    mode: int
    owner: tuple[int, int]
    links: int
    time: int
    device: tuple[int, int]
    name: str
    content: bytes


def read(archived: bytes) -> Iterator[Read]:
    """The entries of an archive; each part begins at a multiple of four bytes."""
    at = 0
    while True:
        assert archived[at : at + 6] == b"070701"
        fields = [int(archived[at + 6 + 8 * i : at + 14 + 8 * i], 16) for i in range(13)]
        number, mode, uid, gid, links, time, size, _, _, major, minor, name_size, _ = fields
        name = archived[at + 110 : at + 110 + name_size]
        assert name.endswith(b"\0")
        start = -(-(at + 110 + name_size) // 4) * 4
        if name == b"TRAILER!!!\0":
            assert set(archived[start:]) <= {0}
            assert len(archived) % 512 == 0
            return
        content = archived[start : start + size]
        yield Read(number, mode, (uid, gid), links, time, (major, minor), name[:-1].decode(), content)
        at = -(-(start + size) // 4) * 4


@given(trees, st.integers(0, 2**32 - 1))
def test_what_was_put_in_comes_out(tree: dict[str, Entry], epoch: int) -> None:
    found = list(read(archive(tree, epoch)))
    assert {one.name: Entry(one.mode, one.content, one.device) for one in found} == tree
    assert [one.name for one in found] == sorted(tree)
    assert {(one.owner, one.time) for one in found} <= {((0, 0), epoch)}
    assert len({one.number for one in found}) == len(found)


@given(trees)
def test_the_order_of_putting_in_leaves_no_trace(tree: dict[str, Entry]) -> None:
    assert archive(dict(reversed(tree.items())), 1) == archive(tree, 1)


def test_folders_come_before_what_is_in_them_and_devices_have_their_numbers() -> None:
    tree = {
        "dev/null": Entry(DEVICE | 0o666, device=(1, 3)),
        "dev": Entry(FOLDER | 0o755),
        "dev-x": Entry(FOLDER | 0o755),
    }
    folder, _, device = read(archive(tree, 1))
    assert (folder.name, folder.links, device.name, device.device) == ("dev", 2, "dev/null", (1, 3))


@given(st.binary(max_size=9), trees)
def test_a_second_archive_begins_where_the_kernel_looks_for_it(first: bytes, entries: dict[str, Entry]) -> None:
    whole, second = behind(first, entries, 1), archive(entries, 1)
    start = len(whole) - len(second)
    assert (whole[: len(first)], whole[start:]) == (first, second)
    assert (start % 4, set(whole[len(first) : start]) - {0}) == (0, set())
