"""What a recipe starts from, and the commit that it stands at."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

import pytest

from stoneware.bake.origin import describe
from stoneware.bake.recipe import RecipeFiles, find_recipe
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


def committed(folder: Path, *names: str) -> None:
    git(folder, "init", "-q")
    git(folder, "add", "--force", *names)
    git(folder, "commit", "-q", "-m", "x")


def test_a_folder_that_only_looks_like_a_repository_is_none_and_runs_nothing(folder: Path) -> None:
    """A commit may hold such a folder, and its configuration names a program."""
    app, mark = folder / "app", folder / "ran"
    (app / "objects").mkdir(parents=True)
    (app / "refs").mkdir()
    (app / "HEAD").write_text("ref: refs/heads/main\n")
    settings = ("repositoryformatversion = 0", "bare = false", "worktree = .", f"fsmonitor = touch {mark};")
    (app / "config").write_text("\n\t".join(["[core]", *settings, ""]))
    (app / "Containerfile").write_text("FROM scratch\n")
    committed(folder, "Containerfile", "app/Containerfile", "app/HEAD", "app/config")
    (app / "index").write_bytes((folder / ".git" / "index").read_bytes())
    recipe = describe(find_recipe(app, "Containerfile", "."), "")
    assert recipe.commit == git(folder, "rev-parse", "HEAD")
    assert not mark.exists()


def test_what_is_ignored_and_taken_all_the_same_is_not_the_commits(folder: Path) -> None:
    (folder / ".gitignore").write_text("dist/\nnotes\n")
    (folder / "dist").mkdir()
    (folder / "dist" / "app").touch()
    (folder / "notes").touch()
    committed(folder, ".gitignore", "Containerfile")
    assert not describe(find_recipe(folder, "Containerfile", "."), "").dirty
    (folder / "Containerfile").write_text("FROM scratch\nCOPY dist/app /app\n")
    git(folder, "commit", "-q", "-a", "-m", "takes it")
    assert describe(find_recipe(folder, "Containerfile", "."), "").dirty


def test_a_recipe_beside_its_context_counts_too(folder: Path) -> None:
    (folder / "app").mkdir()
    (folder / "app" / "main").touch()
    committed(folder, "Containerfile", "app/main")
    assert not describe(find_recipe(folder, "Containerfile", "app"), "").dirty
    (folder / "Containerfile").write_text("FROM scratch\n")
    assert describe(find_recipe(folder, "Containerfile", "app"), "").dirty


def test_a_recipe_that_would_be_preprocessed_is_refused(folder: Path) -> None:
    (folder / "Containerfile.in").write_text('#include "/etc/passwd"\n')
    (folder / "plain").symlink_to("Containerfile.in")
    for name in ("Containerfile.in", "plain"):
        with pytest.raises(BadInput, match="preprocessor"):
            find_recipe(folder, name, ".")


def test_other_images_are_named_only_where_there_are_any(folder: Path) -> None:
    files = find_recipe(folder, "Containerfile", ".")
    assert describe(files, "", {"web/1": "sha256:1"}).others == {"web/1": "sha256:1"}
    assert describe(files, "").others == {}


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
