"""Declarations that were made up to keep their reader busy: a build reads those of commits, which anybody may have pushed."""

from __future__ import annotations

from pathlib import Path

import pytest

from stoneware.errors import BadInput
from stoneware.model.document import Document
from stoneware.spec import load, references
from stoneware.spec.yaml_lines import MOST_PROBLEMS


def many(form: str, number: int) -> str:
    return "".join(form.format(at) for at in range(number))


@pytest.mark.parametrize(
    "text",
    [
        many("k{0}: a\n", 1000),
        "a: [" + "&x 1," * 1000 + "]",
        "build: {bake: [" + many("a{0},", 1000) + "]}",
        "images: {" + many("a{0}: {{}},", 1000) + "}",
        "images: {a: {writable: [" + "/a," * 1000 + "]}}",
    ],
    ids=["keys", "anchors", "families", "recipes", "paths"],
)
def test_nobody_reads_on_after_many_problems(text: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput) as no:
        load.parse(text, "f", tmp_path)
    assert len(no.value.problems) == MOST_PROBLEMS
    assert str(no.value) == "f has more than 100 problems (mend these first: the file was not read on)"


def test_a_document_of_which_much_is_wrong_isn_t_looked_at_as_a_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = list[object]()
    salvage = load.what_stands
    monkeypatch.setattr(load, "what_stands", lambda values: asked.append(values) or salvage(values))
    for number in (MOST_PROBLEMS + 1, 1):
        with pytest.raises(BadInput):
            load.parse(many("k{0}: a\n", number), "f", tmp_path)
    assert len(asked) == 1


def test_paths_are_held_against_those_that_they_can_be_inside_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(references, "_overlap")  # one with each other would be too many
    paths = [f"/a{at}" for at in range(40_000)]
    assert list(references._nested(("x",), paths)) == []
    found = [wrong for _, wrong, _ in references._nested(("x",), ["/b/c", "/a", "/b", "/b-c", "/a", "/b/c/d"])]
    assert found == ["/b/c and /b overlap", "/a and /a overlap", "/b/c and /b/c/d overlap", "/b and /b/c/d overlap"]


def test_services_that_share_an_address_are_found_among_many() -> None:
    def document(*listen: str) -> Document:
        services = {f"s{at}": {"group": "g", "port": 80, "listen": one} for at, one in enumerate(listen)}
        group = {"image": "w", "health": {"tcp": {"port": 80}}}
        return Document.model_validate({"deployments": {"a": {"groups": {"g": group}, "services": services}}})

    for listen, said in (
        (("127.0.0.1:80", "127.0.0.2:80", "localhost:80"), ["localhost:80 is taken by service a.s0"]),
        (("127.0.0.1:80", "*:81", "127.0.0.2:81"), ["127.0.0.2:81 is taken by service a.s1"]),
        (("127.0.0.1:80", "127.0.0.2:80", "*:80"), ["*:80 is taken by service a.s0"]),
        (("*:80", "127.0.0.1:80", "127.0.0.1:80"), ["127.0.0.1:80 is taken by service a.s0"] * 2),
    ):
        found = references._listeners([*references.sound_targets(document(*listen))])
        assert [wrong for _, wrong, _ in found] == said
