"""A machine's configuration as systemd reads it, wherever the machine lives."""

from __future__ import annotations

from collections.abc import Mapping


def config_env(config: Mapping[str, str]) -> str:
    """The configuration as an environment file (systemd.exec(5), EnvironmentFile=): every value in quotes."""
    return "".join(f"{key}={_quoted(value)}\n" for key, value in sorted(config.items()))


def manager_environment(config: Mapping[str, str]) -> str:
    """The same for every service of the machine (systemd-system.conf(5), DefaultEnvironment=). `%` is a mark there."""
    lines = ["[Manager]", "DefaultTimeoutStopSec=10s"]
    for key, value in sorted(config.items()):
        lines.append("DefaultEnvironment=" + _quoted(f"{key}={value}").replace("%", "%%"))
    return "\n".join(lines) + "\n"


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
