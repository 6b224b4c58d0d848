"""Engine `qemu`: real virtual machines on this host."""

from stoneware.engines.qemu.engine import QemuEngine

__all__ = ["QemuEngine"]
