"""The benchmarks, by module: the cheap ones first. Importing a module registers what it measures."""

from __future__ import annotations

import importlib

MODULES = (
    "command_line",
    "build_files",
    "storing",
    "scale",
    "drifting",
    "tampering",
    "sim",
    "switching",
    "machines",
    "containers",
    "building",
    "pushing",
    "attesting",
    "baking",
    "sealing",
    "rolling_out",
    "handing_over",
    "going_back",
    "chaos",
)


def load_all() -> None:
    """Registers every benchmark."""
    for name in MODULES:
        importlib.import_module(f"bench.{name}")
