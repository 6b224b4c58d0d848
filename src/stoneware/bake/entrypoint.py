"""What an image without an init runs, from its OCI configuration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stoneware.errors import BakeFailed
from stoneware.model.image import Entrypoint


def entrypoint_of(config: Mapping[str, Any]) -> Entrypoint:
    """Raises BakeFailed when there is nothing to run, or when it can't be handed to a machine."""
    argv = (*(config.get("Entrypoint") or ()), *(config.get("Cmd") or ()))
    if not argv:
        raise BakeFailed(
            "the image has no init to start, and no command",
            "seal",
            next_step="start from a base with systemd, such as stoneware/debian:12, or name a command with ENTRYPOINT or CMD",
        )
    env = dict(pair.partition("=")[::2] for pair in config.get("Env") or ())
    if any("\0" in text for text in (*argv, *env, *env.values())):
        raise BakeFailed("the image's command or environment has a zero byte", "seal", next_step="mend the recipe")
    return Entrypoint(
        argv=argv,
        env=env,
        user=str(config.get("User") or ""),
        folder=str(config.get("WorkingDir") or "/"),
        stop_signal=str(config.get("StopSignal") or "TERM").removeprefix("SIG"),
    )
