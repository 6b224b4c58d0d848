"""Where a process listens is read from the kernel's tables."""

from __future__ import annotations

import os
import socket

from stoneware.host.sockets import listening


def test_only_a_socket_that_waits_is_told_with_its_address() -> None:
    before = listening(os.getpid())
    with socket.socket() as waiting, socket.socket() as bound, socket.socket(socket.AF_INET6) as six:
        waiting.bind(("127.0.0.1", 0))
        bound.bind(("127.0.0.1", 0))
        six.bind(("::1", 0))
        waiting.listen()
        six.listen()
        assert listening(os.getpid()) - before == {waiting.getsockname(), six.getsockname()[:2]}
    assert listening(os.getpid()) == before
