"""What a recipe starts from, and the commit that it stands at."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

import pytest

from stoneware.bake.recipe import RecipeFiles, describe, find_recipe
from stoneware.errors import BadInput


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "Containerfile").write_text("FROM stoneware/debian:12\n")
    return tmp_path


@pytest.mark.parametrize(
    ("text", "bases"),
    [
        ("FROM stoneware/debian:12", ["stoneware/debian:12"]),
        ("from debian\nRUN x", ["debian"]),
        ("  FROM   debian  \r\nRUN x", ["debian"]),
        ("FROM --platform=linux/amd64 debian AS build\nFROM scratch\nCOPY --from=build / /", ["debian"]),
        ("FROM debian AS one\nFROM one AS two\nFROM two", ["debian"]),
        ("FROM debian as one\nFROM alpine\n", ["debian", "alpine"]),
        ("# FROM nothing\nRUN echo FROM here\nFROM real", ["real"]),
        ("FROM scratch", []),
        ("", []),
        ("FROM", []),
    ],
)
def test_the_bases_of_a_recipe(text: str, bases: list[str], folder: Path) -> None:
    (folder / "Containerfile").write_text(text)
    assert RecipeFiles(folder / "Containerfile", folder).bases == bases


@pytest.mark.parametrize(("containerfile", "context"), [("none", "."), ("Containerfile", "none"), (".", ".")])
def test_a_recipe_that_is_not_there_is_bad_input(containerfile: str, context: str, folder: Path) -> None:
    with pytest.raises(BadInput, match="there is no"):
        find_recipe(folder, containerfile, context)


def git(folder: Path, *words: str) -> str:
    who = ["-c", "user.name=ann", "-c", "user.email=ann@example.org"]
    return subprocess.run(["git", *who, *words], cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


def test_outside_a_repository_there_is_no_commit(folder: Path) -> None:
    recipe = describe(find_recipe(folder, "Containerfile", "."), "sha256:1")
    assert (recipe.commit, recipe.dirty, recipe.base, recipe.base_digest) == (
        "",
        False,
        "stoneware/debian:12",
        "sha256:1",
    )
    assert recipe.containerfile_sha256 == hashlib.sha256(b"FROM stoneware/debian:12\n").hexdigest()


def test_in_a_repository_the_commit_counts_and_what_was_changed_since(folder: Path) -> None:
    git(folder, "init", "-q")
    git(folder, "add", "Containerfile")
    git(folder, "commit", "-q", "-m", "x")
    recipe = describe(find_recipe(folder, "Containerfile", "."), "")
    assert (recipe.commit, recipe.dirty) == (git(folder, "rev-parse", "HEAD"), False)
    (folder / "new").touch()
    assert describe(find_recipe(folder, "Containerfile", "."), "").dirty


def test_a_recipe_from_nothing(folder: Path) -> None:
    (folder / "Containerfile").write_text("FROM scratch\n")
    assert describe(find_recipe(folder, "Containerfile", "."), "").base == "scratch"


@pytest.mark.parametrize(
    ("text", "bases", "base"),
    [
        ("FROM web/3\n", ["web/3"], "web/3"),
        ("FROM web/3 AS run\nFROM golang:1 AS build\nFROM run\n", ["web/3", "golang:1"], "web/3"),
        ("FROM golang:1 AS build\nFROM scratch\n", ["golang:1"], "scratch"),
        ('ARG B="web/3"\nFROM ${B}\n', ["web/3"], "web/3"),
        ("FROM a AS one\nFROM one AS two\nFROM two\n", ["a"], "a"),
    ],
)
def test_the_base_is_what_the_last_stage_stands_on(text: str, bases: list[str], base: str, tmp_path: Path) -> None:
    (tmp_path / "Containerfile").write_text(text)
    files = RecipeFiles(tmp_path / "Containerfile", tmp_path)
    assert (files.bases, files.base) == (bases, base)
