"""The list of packages is what the tree's own databases say, in an order that depends on nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from stoneware.bake.packages import installed_packages

BASH = (
    "Package: bash\nStatus: install ok installed\nArchitecture: amd64\nVersion: 5.2\nDescription: shell\n Package: no\n"
)


def tree(folder: Path, **files: str) -> Path:
    """A root tree with dpkg's databases."""
    for name, text in files.items():
        path = folder / "var/lib/dpkg" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def found(folder: Path) -> list[tuple[str, str, str]]:
    return [(one.name, one.version, one.arch) for one in installed_packages(folder)]


@pytest.mark.parametrize(
    ("status", "names"),
    [
        ("install ok installed", ["bash"]),
        ("hold ok installed", ["bash"]),
        ("deinstall ok config-files", []),
        ("install ok half-installed", []),
        ("install ok unpacked", []),
    ],
)
def test_only_what_is_installed_counts(status: str, names: list[str], tmp_path: Path) -> None:
    tree(tmp_path, status=BASH.replace("install ok installed", status))
    assert [name for name, _, _ in found(tmp_path)] == names


def test_stanzas_of_all_files_are_put_in_order(tmp_path: Path) -> None:
    two = BASH.replace("bash", "zlib") + "\n" + BASH.replace("bash", "apt").replace("amd64", "i386") + "\n\n"
    tree(
        tmp_path,
        status=f"{two}{BASH}",
        **{"status.d/apt": "Package: apt\nVersion: 2\n", "status.d/apt.md5sums": "x  y\n"},
    )
    assert found(tmp_path) == [
        ("apt", "2", ""),
        ("apt", "5.2", "i386"),
        ("bash", "5.2", "amd64"),
        ("zlib", "5.2", "amd64"),
    ]


@pytest.mark.parametrize("text", ["", "\n\n\n", "no colon\n\nPackage bash\n", "Version: 1\n"])
def test_a_tree_without_packages_has_none(text: str, tmp_path: Path) -> None:
    assert found(tmp_path) == []
    assert found(tree(tmp_path, status=text)) == []


def test_the_order_is_the_same_in_every_process(tmp_path: Path) -> None:
    versions = {f"status.d/{i}": f"Package: a\nVersion: {i}\nArchitecture: all\n" for i in range(8)}
    tree(tmp_path, **versions)
    code = "import sys, pathlib; from stoneware.bake.packages import installed_packages as p; print(p(pathlib.Path(sys.argv[1])))"
    printed = {
        subprocess.run(
            [sys.executable, "-c", code, str(tmp_path)],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(printed) == 1
