"""Which accelerator works here is a matter of proof: a device node that exists can still hang or abort QEMU.

The proof is a guest of one sector that ends QEMU with a status only running code can give. The verdict holds for one boot
of the host.
"""

from __future__ import annotations

import json
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path

from stoneware.errors import StonewareError
from stoneware.host.files import write_atomic
from stoneware.host.run import run

QEMU = "qemu-system-x86_64"
PROOF_STATUS = 33
"""What isa-debug-exit makes of the value 16: (16 << 1) | 1."""

# mov dx, 0xf4; mov al, 0x10; out dx, al; hlt; jmp to the hlt
SECTOR = bytes.fromhex("baf400b010eef4ebfd").ljust(510, b"\0") + b"\x55\xaa"
PROOF_LIMIT_S = 3.0


@dataclass(frozen=True)
class Accelerator:
    """`name` is `kvm` or `tcg`; `why` says what the proof showed."""

    name: str
    why: str

    def argv(self) -> list[str]:
        """QEMU's words for it. The translation cache is kept small: it is host memory beyond what was declared."""
        return ["-accel", "kvm"] if self.name == "kvm" else ["-accel", "tcg,thread=multi,tb-size=64"]

    @property
    def cpu(self) -> str:
        """The processor that the guest sees."""
        return "host" if self.name == "kvm" else "max"

    def kernel_words(self) -> list[str]:
        """Words that the guest's kernel needs under this accelerator only.

        Software emulation on a busy host fails the early calibration of the clock and then waits for ever: we say the
        frequency instead (Linux, Documentation/admin-guide/kernel-parameters: tsc_early_khz, lpj).
        """
        if self.name == "kvm":
            return []
        khz = host_khz()
        return [
            f"tsc_early_khz={khz}",
            f"lpj={khz * 4}",
            "tsc=reliable",
            "mitigations=off",
            f"initcall_blacklist={SLOW}",
        ]


SLOW = "crypto_kdf108_init,init_kprobe_trace"
"""Parts of the kernel that a machine never uses and that take 0.3 s to start when they are emulated: a self-test, and tracing."""


def host_khz() -> int:
    """The host's processor frequency in kHz, as /proc/cpuinfo tells it; 2 GHz when it doesn't."""
    found = re.search(r"^cpu MHz\s*:\s*([\d.]+)", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return int(float(found[1]) * 1000) if found else 2_000_000


def find_accelerator(cache: Path) -> Accelerator:
    """The best accelerator that was proven to work, remembered in `cache` for this boot of the host."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    try:
        known = json.loads(cache.read_text())
        if known["boot"] == boot and known["name"] in ("kvm", "tcg"):
            return Accelerator(known["name"], str(known["why"]))
    except (OSError, ValueError, KeyError, TypeError):
        pass  # no verdict yet, or one that can't be read: prove it again
    found = _prove()
    write_atomic(cache, json.dumps({"boot": boot, "name": found.name, "why": found.why}))
    return found


def _prove() -> Accelerator:
    if not Path("/dev/kvm").exists():
        return Accelerator("tcg", "this host has no /dev/kvm: software emulation, expect 10-20x slower boots")
    with tempfile.TemporaryDirectory() as folder:
        sector = Path(folder) / "sector"
        sector.write_bytes(SECTOR)
        argv = [
            QEMU,
            "-machine",
            "q35",
            "-accel",
            "kvm",
            "-cpu",
            "host",
            "-m",
            "16",
            "-nodefaults",
            "-no-user-config",
            "-display",
            "none",
        ]
        argv += ["-device", "isa-debug-exit,iobase=0xf4,iosize=0x04"]
        argv += ["-drive", f"file={sector},format=raw,if=ide,snapshot=on"]
        try:
            run(argv, timeout_s=PROOF_LIMIT_S, ok=(PROOF_STATUS,))
        except StonewareError as no:
            return Accelerator("tcg", f"no usable KVM ({no.message}): software emulation, expect 10-20x slower boots")
    return Accelerator("kvm", "KVM works: a guest ran")
