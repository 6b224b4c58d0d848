"""The kernel's command line: everything that belongs to the image, in words that the initramfs reads."""

from __future__ import annotations

from collections.abc import Sequence

from stoneware.errors import BakeFailed
from stoneware.model.image import Verity

LONGEST = 1800
"""Characters. The kernel takes 2047 and drops the rest without a word; an engine adds a few words for each machine."""

QUIET = (
    "console=ttyS0",
    "quiet",
    "loglevel=4",
    "panic=-1",
    "random.trust_cpu=on",
    "cryptomgr.notests",
    "rcupdate.rcu_expedited=1",
    "net.ifnames=0",
    "systemd.show_status=false",
    "systemd.log_level=warning",
    "systemd.journald.forward_to_console=1",
    "systemd.journald.max_level_console=warning",
)


def kernel_cmdline(layers: Sequence[Verity], init: str, writable: Sequence[str]) -> str:
    """One line. A `stoneware.verity` for each layer, lowest first: BLOCKS:HASH_START:SALT:ROOT_HASH, in blocks of 4096 bytes and
    hex digits. `stoneware.init` is left out for an image without an init.

    Raises BakeFailed when it is longer than a kernel can take.
    """
    words = list(QUIET)
    for verity in layers:
        words.append(
            f"stoneware.verity={verity.data_blocks}:{verity.hash_start_block}:{verity.salt}:{verity.root_hash}"
        )
    if init:
        words.append(f"stoneware.init={init}")
    if writable:
        words.append(f"stoneware.writable={','.join(writable)}")
    line = " ".join(words)
    if len(line) > LONGEST:
        hint = "declare fewer writable paths, such as a folder around several of them"
        raise BakeFailed(f"the kernel's command line has {len(line)} characters, more than {LONGEST}", next_step=hint)
    return line
