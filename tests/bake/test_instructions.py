"""A Containerfile's instructions: their lines, what they take from the context, and what an image can't carry of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from stoneware.bake.context import context_material, require_plain_names, taken_files
from stoneware.bake.instructions import Instruction, instructions, notes
from stoneware.bake.recipe import RecipeFiles
from stoneware.errors import BakeFailed

TEXT = """\
# a comment
FROM scratch
RUN one \\
    # between
    && two
RUN <<EOF
VOLUME /no
EOF
copy --chmod=600 a b /c
volume ["/data", "/var/lib/x/deep"]
HEALTHCHECK CMD curl localhost
"""


def test_instructions_have_their_lines_and_all_their_words() -> None:
    assert [(one.line, one.name) for one in instructions(TEXT)] == [
        (2, "FROM"), (3, "RUN"), (6, "RUN"), (9, "COPY"), (10, "VOLUME"), (11, "HEALTHCHECK")
    ]  # fmt: skip
    assert instructions(TEXT)[1].text.split() == ["one", "&&", "two"]


@pytest.mark.parametrize(
    ("text", "sources"),
    [
        ("a b /c", ["a", "b"]),
        ('["a b", "/c"]', ["a b"]),
        ("--chown=1:1 --chmod=600 a /c", ["a"]),
        ("--from=build /x /c", []),
        ("https://example.org/x /c", []),
        ("$WHAT /c", None),
        ("[" * 100_000 + " /c", ["[" * 100_000]),
    ],
)
def test_what_is_taken_from_the_context(text: str, sources: list[str] | None) -> None:
    assert Instruction(1, "COPY", text).sources == sources


def test_what_is_not_carried_is_said_with_its_line_and_a_way_on() -> None:
    said = notes(TEXT, ["/var/lib/x"])
    assert [note.partition(" is ")[0] for note in said] == ["line 10: VOLUME /data", "line 11: HEALTHCHECK"]
    assert "`writable`" in said[0]
    assert "`health`" in said[1]
    assert notes("FROM x\nHEALTHCHECK NONE\nVOLUME /data\n", ["/data"]) == []


def files(folder: Path, text: str) -> RecipeFiles:
    (folder / "Containerfile").write_text(text)
    return RecipeFiles(folder / "Containerfile", folder)


def test_a_name_that_hides_another_is_refused(tmp_path: Path) -> None:
    (tmp_path / "etc" / "deep").mkdir(parents=True)
    (tmp_path / "etc" / "deep" / ".wh.passwd").write_text("x")
    (tmp_path / ".wh.other").write_text("x")
    require_plain_names(files(tmp_path, "FROM scratch\nCOPY Containerfile /\n"))
    for line in ("COPY etc /etc", "ADD . /", "COPY e* /etc/", "COPY $X /"):
        with pytest.raises(BakeFailed, match=r"\.wh\.") as failed:
            require_plain_names(files(tmp_path, f"FROM scratch\n{line}\n"))
        assert failed.value.step == f"line 2: {line}"
        assert failed.value.next_step == "rename it"


def test_one_digest_stands_for_all_that_is_taken(tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "code.py").write_text("1")
    recipe = files(tmp_path, "FROM scratch\nCOPY app /app\n")
    one = context_material(recipe)
    (tmp_path / "beside").write_text("not taken")
    assert context_material(recipe) == one
    (tmp_path / "app" / "code.py").write_text("2")
    other = context_material(recipe)
    assert one is not None
    assert other is not None
    assert one.digest != other.digest
    assert context_material(files(tmp_path, "FROM scratch\nRUN true\n")) is None


def test_nothing_is_read_that_lies_behind_a_link_out_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / ".wh.x").write_text("x")
    folder = tmp_path / "folder"
    (folder / "in").mkdir(parents=True)
    (folder / "in" / "file").write_text("x")
    (folder / "out").symlink_to(tmp_path / "other")
    (folder / "near").symlink_to("in")
    recipe = files(folder, "FROM scratch\nCOPY out/* near/file out /\n")
    require_plain_names(recipe)
    assert [str(path.relative_to(folder)) for path in taken_files(recipe)] == ["near/file", "out"]


def test_what_lies_behind_a_link_or_with_git_counts_whatever_was_taken_before(tmp_path: Path) -> None:
    for name in ("a/own", "b/file", ".git/config"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")
    (tmp_path / "a" / "link").symlink_to("../b")
    recipe = files(tmp_path, "FROM scratch\nCOPY a a/link/file .git/config a/link /\nCOPY a /\n")
    found = [str(path.relative_to(tmp_path)) for path in taken_files(recipe)]
    assert found == ["a", "a/link", "a/own", "a/link/file", ".git/config"]
