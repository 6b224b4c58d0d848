"""Where Stoneware keeps its things: one folder, private to its user."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Home:
    """The layout below one root. `prepare` makes what is missing, readable by the owner only."""

    root: Path

    @property
    def database(self) -> Path:
        return self.root / "stoneware.db"

    @property
    def socket(self) -> Path:
        return self.root / "stoneware.sock"

    @property
    def images(self) -> Path:
        """Sealed images, a folder each, named by the 64 hex digits of the digest."""
        return self.root / "images"

    @property
    def build(self) -> Path:
        """Everything a bake needs on the way: buildah's store, bases, boot packs, work folders."""
        return self.root / "build"

    @property
    def builds(self) -> Path:
        """Builds of commits, a folder each, and what they share: podman's store of their own, the names of builders."""
        return self.root / "builds"

    @property
    def machines(self) -> Path:
        return self.root / "machines"

    @property
    def disks(self) -> Path:
        return self.root / "disks"

    @property
    def containers(self) -> Path:
        """What the engine `container` has: podman's store, machines, disks. It makes the folder when it first needs it."""
        return self.root / "containers"

    @property
    def traffic(self) -> Path:
        return self.root / "traffic"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def shells(self) -> Path:
        """Break-glass sessions: the transcript of each, and the socket of each that goes on."""
        return self.root / "shells"

    @property
    def signing_key(self) -> Path:
        """The installation's key (PKCS #8 in PEM), for its owner only."""
        return self.root / "signing-key.pem"

    @property
    def public_key(self) -> Path:
        """Its public part, for everybody."""
        return self.root / "signing-key.pub"

    @property
    def checkpoints(self) -> Path:
        """Signed notes of where the ledger ended, to be copied elsewhere."""
        return self.root / "ledger-checkpoints.jsonl"

    @property
    def secret_key(self) -> Path:
        """What secrets are sealed with (32 bytes as hex digits), for its owner only."""
        return self.root / "secret-key"

    @property
    def secret_key_id(self) -> Path:
        """Says that there is such a key, and which one."""
        return self.root / "secret-key.id"

    @property
    def trusted_keys(self) -> Path:
        """Public keys of other installations, `*.pub`."""
        return self.root / "trusted-keys"

    def prepare(self) -> None:
        for folder in (
            self.root,
            self.images,
            self.build,
            self.builds,
            self.machines,
            self.disks,
            self.traffic,
            self.logs,
            self.shells,
        ):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        # logs in it may be from when only the folder kept others out, and the folder from elsewhere
        self.logs.chmod(0o700)


def default_home() -> Home:
    """`$STONEWARE_HOME`, else `stoneware` under the XDG state folder (XDG Base Directory Specification 0.8)."""
    named = os.environ.get("STONEWARE_HOME")
    if named:
        return Home(Path(named).expanduser().absolute())
    state = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
    return Home(Path(state).expanduser() / "stoneware")
