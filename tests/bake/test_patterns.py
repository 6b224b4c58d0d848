"""Patterns of COPY and ADD: what they mean, and that nobody waits long for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from stoneware.bake import searching
from stoneware.bake.context import DEEPEST, taken_files
from stoneware.bake.patterns import escaped, expression
from stoneware.bake.recipe import RecipeFiles
from stoneware.bake.searching import Search
from stoneware.errors import BakeFailed


@pytest.mark.parametrize(
    ("pattern", "name", "fits"),
    [
        # by Go's path/filepath.Match
        ("abc", "abc", True),
        ("*", "abc", True),
        ("*c", "abc", True),
        ("a*", "a", True),
        ("a*", "abc", True),
        ("ab[c]", "abc", True),
        ("ab[b-d]", "abc", True),
        ("ab[e-g]", "abc", False),
        ("ab[^c]", "abc", False),
        ("ab[^e-g]", "abc", True),
        ("ab[!c]", "ab!", True),
        ("ab[d-b]", "abc", False),
        ("ab[^d-b]", "abc", True),
        ("a\\*b", "a*b", True),
        ("a\\*b", "ab", False),
        ("a?b", "a\u263ab", True),
        ("a[^a]b", "a\u263ab", True),
        ("a???b", "a\u263ab", False),
        ("[a-\u03b6]*", "\u03b2", True),
        ("*[a-\u03b6]", "A", False),
        ("[\\]a]", "]", True),
        ("[\\-]", "-", True),
        ("[x\\-]", "x", True),
        ("[x\\-]", "z", False),
        ("[\\-x]", "a", False),
        ("a*b*c", "abbc", True),
        ("a*b*c", "acb", False),
        ("*x", "xxx", True),
        ("a*c.d", "abc.dc.d", True),
        ("a.c", "abc", False),
        ("*b", "a\nb", True),
    ],
)
def test_a_part_of_a_path(pattern: str, name: str, fits: bool) -> None:
    meant = expression(pattern)
    assert meant is not None
    assert bool(meant.fullmatch(name)) is fits


@pytest.mark.parametrize("pattern", ["[]a]", "[-]", "[x-]", "[-x]", "[a-b-c]", "[", "[^", "[^bc", "a[", "a\\", "[a\\"])
def test_one_that_is_none(pattern: str) -> None:
    assert expression(pattern) is None


@pytest.mark.parametrize("name", ["a*b", "[x]", "a?", "\\", "plain"])
def test_a_path_alone(name: str) -> None:
    meant = expression(escaped(name))
    assert meant is not None
    assert meant.fullmatch(name) and not meant.fullmatch("aab")


def test_no_pattern_takes_for_ever() -> None:
    for pattern in ("*a" * 2000 + "b", "*" * 4000 + "b", "*?" * 100 + "b", "*[a-b]" * 600 + "c"):
        meant = expression(pattern)
        assert meant is not None
        assert not meant.fullmatch("a" * 255)


def tree(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("x")
    return folder


def meant(folder: Path, pattern: str) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in Search(folder).matching(pattern))


def test_patterns_find_what_a_build_would_take(tmp_path: Path) -> None:
    folder = tree(tmp_path / "in", "a.py", "b.py", "deep/c.py", "deep/er/d.py", "[x]", ".hidden")
    (folder / "near").symlink_to("deep")
    (folder / "loop").symlink_to(".")
    tree(tmp_path, "secret.py")
    (folder / "out").symlink_to("..")
    assert meant(folder, "*.py") == ["a.py", "b.py"]
    assert meant(folder, "*/*.py") == ["deep/c.py", "loop/a.py", "loop/b.py"]
    assert meant(folder, "near/*.py") == ["near/c.py"]
    assert meant(folder, "**/*.py") == ["a.py", "b.py", "deep/c.py", "deep/er/d.py"]
    assert meant(folder, "[x]") == ["[x]"]
    assert meant(folder, "out/*") == meant(folder, "*/secret.py") == meant(folder, "none/*") == []
    assert meant(folder, "x" * 300) == meant(folder, "*/" * 2100 + "a.py") == []
    for odd in ("\ud800", "\ud800*", "\udc80/*", "a\0*", "\0/*"):
        assert meant(folder, odd) == []
    assert ".hidden" in meant(folder, "*")
    assert meant(folder, "*/" * 30 + "a.py") == ["loop/" * 30 + "a.py"]
    assert meant(folder, "*/" * 1000 + "a.py") == []


def test_a_recipe_has_a_limit_and_takes_each_file_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tree(tmp_path, *(f"f{number}" for number in range(20)), "deep/x")
    (folder / "Containerfile").write_text(
        "FROM scratch\nCOPY deep /\nCOPY f1* f* /\nCOPY . /\nCOPY ** *[ /\nADD f1 /\n"
    )
    recipe = RecipeFiles(folder / "Containerfile", folder)
    found = [*taken_files(recipe)]
    assert len(found) == len({*found}) == 23
    monkeypatch.setattr(Search.__init__, "__defaults__", (50, *(Search.__init__.__defaults__ or ())[1:]))
    with pytest.raises(BakeFailed, match=str(searching.MOST_NAMES)):
        [*taken_files(recipe)]


def test_a_folder_is_not_too_deep(tmp_path: Path) -> None:
    (tmp_path / "Containerfile").write_text("FROM scratch\nCOPY . /\n")
    recipe, place = RecipeFiles(tmp_path / "Containerfile", tmp_path), tmp_path
    for _ in range(DEEPEST):
        place /= "d"
        place.mkdir()
    assert len([*taken_files(recipe)]) == DEEPEST + 1
    (place / "d").mkdir()
    with pytest.raises(BakeFailed, match="deep"):
        [*taken_files(recipe)]
