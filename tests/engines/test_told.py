"""What a machine tells is read in one way, and believed only as far as it has a shape."""

from __future__ import annotations

import pytest

from stoneware.engines.mounts import Mount, mounts
from stoneware.engines.told import MOST, active, listening, shown, some

HEAD = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode"


def socket(address: str, state: str, remote: str = "00000000:0000") -> str:
    return f"   0: {address} {remote} {state} 00000000:00000000 00:00000000 00000000     0        0 1 1 0 100 0 0 10 0"


@pytest.mark.parametrize(
    ("table", "line", "expected"),
    [
        ("tcp", socket("00000000:0050", "0A"), {"tcp/80"}),
        ("tcp", socket("0100007F:0FA0", "0A"), set()),  # 127.0.0.1
        ("tcp", socket("3500007F:0035", "0A"), set()),  # 127.0.0.53
        ("tcp", socket("0F02000A:C350", "0A"), {"tcp/50000"}),
        ("tcp", socket("0F02000A:0050", "01"), set()),  # a connection
        ("tcp6", socket("00000000000000000000000000000000:0050", "0A"), {"tcp/80"}),
        ("tcp6", socket("00000000000000000000000001000000:0050", "0A"), set()),  # ::1
        ("tcp6", socket("0000000000000000FFFF00000100007F:0050", "0A"), set()),  # ::ffff:127.0.0.1
        ("udp", socket("00000000:0044", "07"), {"udp/68"}),
        ("udp", socket("00000000:C350", "07"), set()),  # whoever asks a question has such a one for a moment
        ("udp", socket("0F02000A:0044", "01"), set()),
        ("udp6", socket("00000000000000000000000000000000:0202", "07"), {"udp/514"}),
    ],
)
def test_ports_that_others_can_reach_are_listed(table: str, line: str, expected: set[str]) -> None:
    assert listening(table, [HEAD, line, ""]) == expected


@pytest.mark.parametrize("line", ["nothing", "0: 1 2", socket("0:zz", "0A"), socket("xyz:0050", "0A")])
def test_what_is_no_socket_is_not_passed_over(line: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        listening("tcp", [line])


def test_active_services_are_read_from_what_systemd_notes() -> None:
    links = ["/run/systemd/units/invocation:nginx.service", "invocation:a.socket", "log-level-max:b.service", "x"]
    assert active(links) == {"nginx.service"}


def test_names_are_short_few_and_can_be_printed() -> None:
    assert shown("/tmp/\x1b[31mred\n" + "x" * 1000).startswith("/tmp/?[31mred?x")
    assert len(some(str(number) for number in range(10_000))) == MOST
    assert some(["b", "a", "b"]) == ("a", "b")


def test_mounts_are_read_as_the_kernel_writes_them() -> None:
    root = "105 62 0:43 / / ro,relatime - overlay overlay rw,lowerdir=/a:/b"
    odd = r"106 105 254:0 /x /with\040blank rw shared:1 - ext4 /dev/vda rw"
    assert mounts([root, odd, ""]) == [
        Mount("/", "overlay", "0:43", ("ro", "relatime"), ("rw", "lowerdir=/a:/b")),
        Mount("/with blank", "ext4", "254:0", ("rw",), ("rw",), "/x"),
    ]
    assert [mount.read_only for mount in mounts([root, odd])] == [True, False]
    with pytest.raises(ValueError, match="no mount"):
        mounts(["105 62 0:43 / /"])
