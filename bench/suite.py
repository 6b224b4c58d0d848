"""The benchmarks, by module: the cheap ones first. Importing a module registers what it measures."""

from __future__ import annotations

import importlib

MODULES = (
    "command_line",
    "storing",
    "switching",
    "machines",
    "containers",
    "baking",
    "sealing",
    "rolling_out",
    "handing_over",
)


def load_all() -> None:
    """Registers every benchmark."""
    for name in MODULES:
        importlib.import_module(f"bench.{name}")
