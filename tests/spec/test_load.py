"""Loading: each kind of mistake is said with its line, its path, and what would be right; and reading never surprises."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.spec.documents import EXAMPLE, TEMPLATE, changed, said

from stoneware.errors import BadInput
from stoneware.spec.load import load, parse

GROUP, SERVICE = "deployments.hello.groups.web", "deployments.hello.services.hello"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "Containerfile").write_text("FROM scratch")
    return tmp_path


@pytest.mark.parametrize("name", ["stoneware.yaml", "version-2/stoneware.yaml"])
def test_the_example_is_good(name: str) -> None:
    document = load(EXAMPLE / name).document
    assert list(document.deployments) == ["critter-junction"]


MISTAKES = [
    ("size: 2  ", "sise: 2  ", f"{GROUP}.sise: unknown key 'sise', did you mean 'size'?"),
    ("size: 2  ", "zzz: 2  ", f"{GROUP}.zzz: unknown key 'zzz', known here: config, disks, health, image, machine"),
    ("size: 2  ", "size: two", f"{GROUP}.size: 'two' is not a whole number"),
    ("size: 2  ", "size: '2'", f"{GROUP}.size: '2' is not a whole number, write it without quotes"),
    ("size: 2  ", "size: 2.5", f"{GROUP}.size: 2.5 is not a whole number"),
    ("size: 2  ", "size:  # ", f"{GROUP}.size: is empty, give it a value, or leave the key out"),
    ("256MiB", "256MB", f"{GROUP}.machine.memory: '256MB' is not a size, write a whole number and a unit"),
    ("bake_time: 30s", "bake_time: 30", f"{GROUP}.rollout.bake_time: 30 is not a time, write a number and a unit"),
    (
        "engine: qemu",
        "engine: kvm",
        "deployments.hello.engine: 'kvm' is not known, write 'qemu', 'container' or 'fake'",
    ),
    ('"hello"', "true", f'{GROUP}.config.GREETING: true is not a text, write it in quotes: "true"'),
    ("image: hello ", "image: helo ", f"{GROUP}.image: no image family 'helo' is declared here, did you mean 'hello'?"),
    ("group: web", "group: wep", f"{SERVICE}.group: there is no group 'wep', did you mean 'web'?"),
    ('"127.0.0.1:8080"', "8080", f"{SERVICE}.listen: 8080 is not a text, write an address and port such as"),
    (
        "    containerfile: Containerfile",
        "    state_schema: { reads: [1], writes: 2 }",
        "images.hello.state_schema: it couldn't read what it writes, add 2 to reads",
    ),
    (
        "    containerfile: Containerfile",
        "    state_schema: { reads: [1] }",
        "images.hello.state_schema.writes: is missing, write the schema",
    ),
    ("containerfile: Containerfile", "containerfile: x", "images.hello.containerfile: there is no 'x' beside"),
]


@pytest.mark.parametrize(("old", "new", "wrong"), MISTAKES)
def test_one_mistake_is_one_line(old: str, new: str, wrong: str, folder: Path) -> None:
    line = TEMPLATE[: TEMPLATE.index(old)].count("\n") + 1
    (only,) = said(changed(old, new), folder)
    assert only.startswith(f"{line} {wrong}")


def test_what_is_missing_is_said_at_the_line_of_what_lacks_it(folder: Path) -> None:
    (only,) = said(changed("image: hello ", "# "), folder)
    line = TEMPLATE[: TEMPLATE.index("      web:")].count("\n") + 1
    assert only == f"{line} {GROUP}.image: is missing, write a family such as web, or an image such as web/7"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", "1: is empty, declare `images:`"),
        ("# nothing\n", "1: is empty, declare `images:`"),
        ("- a", "1: holds a list, not keys with values, declare"),
        ("hello", "1: holds 'hello', not keys with values, declare"),
        ("images: 5", "1 images: 5 is not a group of names, write a line `name: ...` for each"),
        ("images:", "1 images: is empty, give it a value, or leave the key out"),
        ("'[key]': 1", "1 '[key]': unknown key '[key]', known here: build, deployments, environments, images"),
        ('"\\e[2J": 1', r"1 '\x1b[2J': unknown key '\x1b[2J', known here"),
        ("&a images: {}", "1 images: anchors and aliases are not read here"),
        ("images: &a {}", "1 images: anchors and aliases are not read here"),
    ],
)
def test_texts_that_are_no_document(text: str, line: str, tmp_path: Path) -> None:
    (only,) = said(text, tmp_path)
    assert only.startswith(line)


def test_problems_come_by_line_and_are_counted(folder: Path) -> None:
    text = changed("size: 2  ", "sise: 2  ").replace("engine: qemu", "engine: kvm").replace("256MiB", "256MB")
    with pytest.raises(BadInput, match="f has 3 problems") as refused:
        parse(text, "f", folder)
    assert [problem.path.rpartition(".")[2] for problem in refused.value.problems] == ["engine", "sise", "memory"]


def test_a_file_may_begin_with_a_byte_order_mark(folder: Path) -> None:
    file = folder / "stoneware.yaml"
    file.write_text(TEMPLATE, encoding="utf-8-sig")
    loaded = load(folder)
    assert (loaded.folder, loaded.file) == (folder, "stoneware.yaml")


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("nowhere", "there is no"),
        ("latin-1", "is not UTF-8"),
        ("latin-1/inside", "Not a directory"),
        ("x" * 300, "File name too long"),
        ("", "there is no"),
    ],
)
def test_a_file_that_can_not_be_read_is_bad_input(name: str, wrong: str, tmp_path: Path) -> None:
    (tmp_path / "latin-1").write_bytes(b"images: {\xe4: 1}")
    with pytest.raises(BadInput, match=wrong):
        load(tmp_path / name)
