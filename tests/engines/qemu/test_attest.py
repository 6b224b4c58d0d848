"""What a machine tells is read strictly, and what its process shows is compared with its image."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from stoneware.engines.qemu.guest import LOADER, TESTER, inside, told_files
from stoneware.engines.qemu.opened import OpenFile, open_files
from stoneware.model.evidence import Inside, Layer

ROOT_HASHES = ("ab" * 32, "cd" * 32)
FILES = told_files("town-web-r1-0")
TOLD = f"""\
==> units <==
/run/systemd/units/invocation:nginx.service /run/systemd/units/invocation:{TESTER}
==> sessions <==
/run/systemd/sessions/* /dev/pts/[0-9]*
==> /proc/self/mountinfo <==
22 31 0:20 / /proc rw,relatime shared:13 - proc proc rw
31 1 0:22 / / ro,relatime shared:1 - overlay overlay ro,lowerdir=/layers/1:/layers/0
36 31 0:32 / /var/lib/nginx rw,relatime shared:6 - overlay overlay rw,lowerdir=/root/var/lib/nginx
69 25 0:41 / /run/credentials/told.service ro,nosuid - ramfs ramfs rw,mode=700

==> /proc/net/tcp <==
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 10807 1

==> /run/stoneware/hosts <==
127.0.0.1 localhost
127.0.1.1 town-web-r1-0

==> /run/stoneware/layers <==
status layer-0: 0 166312 verity V
status layer-1: 0 53024 verity V
table layer-0: 0 166312 verity 1 254:0 254:0 4096 4096 20789 20789 sha256 {ROOT_HASHES[0]} -
table layer-1: 0 53024 verity 1 254:16 254:16 4096 4096 6628 6628 sha256 {ROOT_HASHES[1]} -
==> programs <==
'/proc/1/exe' -> '/usr/lib/systemd/systemd'
'/proc/12/exe' -> '{LOADER}'
'/proc/13/exe'
'/proc/14/exe' -> '/tmp/with blank (deleted)'
"""


def read(text: str = TOLD, *, agent: bool = False, corrupted: frozenset[str] = frozenset()) -> Inside:
    return inside(text.split("\n"), {"/var/lib/nginx"}, FILES, corrupted, agent=agent)


def test_a_healthy_machine_tells_what_it_runs() -> None:
    assert read() == Inside(
        layers=tuple(Layer(root_hash=root) for root in ROOT_HASHES),
        listening=("tcp/80",),
        units=("nginx.service", TESTER),
        programs=("/tmp/with blank (deleted)", "/usr/lib/systemd/systemd"),
    )
    assert read(agent=True).units == ("nginx.service",)


def test_a_layer_is_corrupted_when_either_its_state_or_the_console_says_so() -> None:
    assert [layer.corrupted for layer in read(TOLD.replace("53024 verity V", "53024 verity C")).layers] == [False, True]
    assert [layer.corrupted for layer in read(corrupted=frozenset({"254:0"})).layers] == [True, False]


@pytest.mark.parametrize(
    ("before", "after", "field", "expected"),
    [
        ("/ / ro,relatime", "/ / rw,relatime", "written", ()),  # the file system behind it is read-only still
        (
            "/ / ro,relatime shared:1 - overlay overlay ro",
            "/ / rw,relatime shared:1 - overlay overlay rw",
            "written",
            ("/",),
        ),
        ("127.0.1.1 town", "127.0.1.1 bank", "written", ("/etc/hosts",)),
        ("/var/lib/nginx rw", "/srv rw", "mounted", ("/srv",)),
        ("/ /proc rw", "/ / ro", "mounted", ("/",)),  # one over the other
        ("/dev/pts/[0-9]*", "/dev/pts/0", "sessions", ("pts/0",)),
        ("/run/systemd/sessions/*", "/run/systemd/sessions/4", "sessions", ("login 4",)),
        ("0: 00000000:0050", "0: 00000000:115C", "listening", ("tcp/4444",)),
    ],
)
def test_what_differs_is_told(before: str, after: str, field: str, expected: tuple[str, ...]) -> None:
    assert before in TOLD
    assert getattr(read(TOLD.replace(before, after)), field) == expected


def test_a_list_that_was_cut_off_is_not_complete() -> None:
    socket = "   0: 00000000:0050 00000000:0000 {state} 00000000:00000000 00:00000000 00000000     0        0 10807 1\n"
    line = socket.format(state="0A")
    assert read(TOLD.replace(line, line * 100)).complete is False
    assert read(TOLD.replace(line, line + socket.format(state="06") * 200)).complete is True


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("==> units <==", "units"),
        ("==> programs <==", "==> units <=="),
        ("==> programs <==", "==> more <=="),
        ("/proc/1/exe' -> ", "/proc/1/exe -> "),
        ("'/usr/lib/systemd/systemd'", "'/a\n==> /proc/net/tcp <==\n'"),
        ("status layer-1: 0 53024 verity V", ""),
        ("status layer-1: 0 53024 verity V", "status layer-7: 0 53024 verity V"),
        ("status layer-1: 0 53024 verity V", "status layer-1: 0 53024 linear 254:0 0"),
        (ROOT_HASHES[1], "x" * 64),
        (f"sha256 {ROOT_HASHES[1]} -", ""),
        ("22 31 0:20 / /proc", "22 31"),
        ("00000000:0050", "nothing"),
    ],
)
def test_what_has_no_sense_is_no_evidence(before: str, after: str) -> None:
    assert before in TOLD
    with pytest.raises((ValueError, IndexError)):
        read(TOLD.replace(before, after, 1))


def test_a_file_that_was_replaced_is_not_what_a_process_has_open(tmp_path: Path) -> None:
    layer = tmp_path / "layer-0.img"
    layer.write_text("sealed")
    with layer.open("rb"), (tmp_path / "disk.raw").open("wb"):
        mine = {file.path.name: file for file in open_files(os.getpid()) if file.path.parent == tmp_path}
        assert (mine["layer-0.img"].writable, mine["disk.raw"].writable) == (False, True)
        assert mine["layer-0.img"].is_at(layer)
        (tmp_path / "fresh").write_text("sealed")
        (tmp_path / "fresh").replace(layer)
        after = next(file for file in open_files(os.getpid()) if file.path == layer)
        assert (after.gone, after.is_at(layer)) == (True, False)
        assert not OpenFile(layer, 1, 1, writable=False, gone=False).is_at(tmp_path / "nowhere")
