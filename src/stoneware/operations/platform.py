"""What an operation acts on: one engine, the switch in front of it, and a way to ask a machine how it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from stoneware.engines.engine import Engine
from stoneware.errors import Refused
from stoneware.model.probe import Answer, HttpProbe, TcpProbe
from stoneware.traffic.switch import Switch

Ask = Callable[[HttpProbe | TcpProbe, str, float], Answer]


@dataclass(frozen=True)
class Platform:
    """`ask(probe, address, timeout_s)` never raises; what goes wrong is its answer."""

    engine: Engine
    switch: Switch
    ask: Ask


@dataclass(frozen=True)
class Platforms:
    """The platforms of this installation, by engine name."""

    by_engine: Mapping[str, Platform]

    def get(self, engine: str) -> Platform:
        """Raises Refused when this installation has no such engine."""
        try:
            return self.by_engine[engine]
        except KeyError:
            known = ", ".join(sorted(self.by_engine))
            raise Refused(f"this daemon has no engine {engine!r}", f"it has: {known}") from None
