"""Recipes that were made up to keep their reader busy, or to fill its memory."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from stoneware.bake import build, context, mounted
from stoneware.bake.bounds import require_within_bounds
from stoneware.bake.instructions import instructions
from stoneware.bake.recipe import LARGEST_BYTES, MOST_INSTRUCTIONS, RecipeFiles, find_recipe
from stoneware.bake.stages import LONGEST_FILLED, defaults, filled, stages_of
from stoneware.errors import BadInput, BakeFailed


def recipe(folder: Path, text: str) -> RecipeFiles:
    (folder / "Containerfile").write_text(text)
    return find_recipe(folder, "Containerfile", ".")


@pytest.mark.parametrize(
    ("within", "beyond"),
    [
        ("FROM scratch\n#".ljust(LARGEST_BYTES, "x"), "FROM scratch\n#".ljust(LARGEST_BYTES + 1, "x")),
        ("FROM scratch\n" * MOST_INSTRUCTIONS, "FROM scratch\n" * (MOST_INSTRUCTIONS + 1)),
    ],
    ids=["bytes", "instructions"],
)
def test_a_recipe_has_its_limits(within: str, beyond: str, tmp_path: Path) -> None:
    recipe(tmp_path, within)
    with pytest.raises(BadInput) as no:
        recipe(tmp_path, beyond)
    assert no.value.code == "recipe-refused"
    assert no.value.next_step


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("RUN a \\\n  b\\\n#c\n\n \nd\n", ["a   bd"]),
        ("RUN a\\\n\\\nb\n", ["ab"]),
        ("RUN a\\\\\nb\n", ["a\\b"]),
        ("RUN a \\ \t\nb\nRUN c", ["a b", "c"]),
        ("RUN a\\", ["a"]),
        ("RUN a\\\r\nb\r\n", ["ab"]),
    ],
)
def test_how_lines_are_joined(text: str, said: list[str]) -> None:
    assert [one.text for one in instructions(text)] == said


def test_a_step_of_very_many_lines_and_options_is_read_at_once() -> None:
    """Each line or option that costs what stands before it would make minutes of this."""
    (one,) = instructions("RUN " + "a\\\n" * 300_000)
    assert one.text == "a" * 300_000
    (one,) = instructions("RUN " + "--a " * 250_000)
    assert len(one.flags) == 250_000


def test_the_same_text_is_read_once() -> None:
    assert instructions("FROM scratch\nRUN once\n") is instructions("FROM scratch\n" + "RUN once\n")


def test_arguments_that_double_each_other_fill_no_memory() -> None:
    text = "ARG a0=xxxxxxxxxx\n" + "".join(f"ARG a{at}=$a{at - 1}$a{at - 1}\n" for at in range(1, 200)) + "FROM $a199\n"
    assert len(stages_of(text).base) <= LONGEST_FILLED
    values = {"a": "x" * 600}
    assert filled("$a", values) == "x" * 600
    assert filled("$a$a", values) == "$a$a"
    assert defaults("b=$a c=$a$a", values) == {"b": "x" * 600, "c": "$a$a"}


def test_what_was_left_open_is_not_looked_through_again_and_again() -> None:
    text = "${a:-" * 200_000
    assert filled(text, {}) is text


def test_empty_lines_are_looked_at_once(tmp_path: Path) -> None:
    """Blank lines before a step are no part of it, or each would be begun at."""
    assert build._HERE_DOCUMENT.search("\n" * 400_000 + "x") is None
    assert re.search(build._HERE_DOCUMENT, "\n  RUN <<EOF\n") is not None


def test_options_and_caches_of_a_commit_s_recipe_are_few(tmp_path: Path) -> None:
    cache = "--mount=type=cache,id=c{0},target=/c{0}"
    for line in ("COPY " + "--from=x " * 65 + "a b", "\n".join(f"RUN {cache.format(at)} true" for at in range(202))):
        with pytest.raises(BakeFailed, match="more than") as no:
            require_within_bounds(recipe(tmp_path, f"FROM scratch\n{line}\n"))
        assert no.value.code == "recipe-refused"


def test_what_many_steps_mount_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read = list[str]()

    def counted(folder: Path, source: str) -> str:
        read.append(source)
        return context.mounted_digest(folder, source)

    monkeypatch.setattr(mounted, "mounted_digest", counted)
    (tmp_path / "src").mkdir()
    step = "RUN --mount=type=bind,source={},target=/m true\n"
    made = recipe(tmp_path, "FROM scratch\n" + "".join(step.format(one) for one in ("src", "./src", "src/", "src") * 9))
    assert len(mounted.step_mounts(made, {}).told) == 36
    assert read == ["src"]
