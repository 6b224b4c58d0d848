"""A repository's builds use no layer that somebody else's made, and the image doesn't tell whose they are."""

from __future__ import annotations

import shutil
import socketserver
import threading
from pathlib import Path

import pytest
from tests.support.tiny import busybox

from stoneware.bake import build, origin, recipe, seal
from stoneware.bake.own_cache import labelled, own
from stoneware.bake.recipe import RecipeFiles
from stoneware.bake.workspace import workspace
from stoneware.host.home import Home
from stoneware.model.image import Artifact

DRAWN = """\
FROM scratch AS first
COPY bin /bin
RUN ["/bin/busybox", "sh", "-c", "cat /proc/sys/kernel/random/uuid > /drawn"]
FROM scratch
COPY --from=first /drawn /drawn
CMD ["/drawn"]
"""
PLAIN = 'FROM scratch\nCOPY bin /bin\nLABEL kept="yes"\nENTRYPOINT ["/bin/busybox"]\n'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("FROM scratch", "FROM scratch\n@"),
        ("# x\nFROM a AS b\nRUN x\n\nFROM b\n", "# x\nFROM a AS b\n@RUN x\n\nFROM b\n@"),
        ("from \\\n  # why\n  a\r\nRUN x\r\n", "from \\\n  # why\n  a\r\n@RUN x\r\n"),
        ("FROM a\nRUN <<EOF\nFROM no\x0cEOF\n\u2028EOF\nEOF\n", "FROM a\n@RUN <<EOF\nFROM no\x0cEOF\n\u2028EOF\nEOF\n"),
    ],
)
def test_every_stage_begins_with_the_label_and_all_else_is_as_it_was(text: str, expected: str) -> None:
    made = labelled(text, "owner")
    label = next(line for line in made.splitlines() if line.startswith("LABEL"))
    assert made == expected.replace("@", f"{label}\n")


def test_owners_have_labels_of_their_own() -> None:
    assert labelled("FROM a", "one") != labelled("FROM a", "other")
    assert labelled("FROM a", 'a"\nRUN evil').count("\n") == 2


def test_bytes_that_are_no_text_and_what_a_build_leaves_out_are_kept(tmp_path: Path) -> None:
    context, folder = tmp_path / "context", tmp_path / "folder"
    context.mkdir()
    folder.mkdir()
    written = context / "Recipe"
    written.write_bytes(b"FROM a\nRUN echo \xff\n")
    (context / "Recipe.dockerignore").write_text("secret\n")
    made = own(RecipeFiles(written, context), "owner", {}, folder)
    assert made.context == context
    assert made.containerfile.read_bytes().endswith(b"RUN echo \xff\n")
    assert made.containerfile.with_name("Recipe.dockerignore").read_text() == "secret\n"


def bake(home: Home, folder: Path, text: str, owner: str = "", *, network: bool = True) -> Artifact:
    (folder / "bin").mkdir(parents=True, exist_ok=True)
    shutil.copy(busybox(), folder / "bin" / "busybox")
    (folder / "Containerfile").write_text(text)
    with workspace(home, "one", lambda _: None) as space:
        files = recipe.find_recipe(folder, "Containerfile", ".")
        built = build.build(space, files, 0.0, network=network, owner=owner)
        described = origin.describe(files, built.base)
        return seal.seal(
            space, built.image, family="web", recipe=described, pack=None, writable=(), deliver=("container",)
        )


@pytest.mark.host
def test_a_layer_is_used_again_by_its_owner_alone(home: Home, tmp_path: Path) -> None:
    def tree(owner: str, *, network: bool = True) -> str:
        return bake(home, tmp_path / "recipe", DRAWN, owner, network=network).manifest.tree

    ours = tree("ours")
    assert tree("ours") == ours
    others = {tree("theirs"), tree(""), tree("ours", network=False)}
    assert len(others | {ours}) == 4


@pytest.mark.host
def test_the_image_is_the_same_whoever_owns_its_layers(home: Home, tmp_path: Path) -> None:
    mine, plain = (bake(home, tmp_path / "recipe", PLAIN, owner) for owner in ("ours", ""))
    assert mine.manifest == plain.manifest
    documents = [{path.name: path for path in (made.oci / "blobs" / "sha256").iterdir()} for made in (mine, plain)]
    assert documents[0].keys() == documents[1].keys()
    assert any(b'"kept":"yes"' in path.read_bytes() for path in documents[0].values())


@pytest.mark.host
def test_a_commits_recipe_does_not_reach_what_listens_on_this_host_alone(home: Home, tmp_path: Path) -> None:
    met: list[str] = []

    class Host(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            met.append(owner)

    with socketserver.TCPServer(("127.0.0.1", 0), Host) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        reach = f"/bin/busybox timeout 10 /bin/busybox nc 127.0.0.1 {server.server_address[1]} </dev/null"
        for owner, command in (("", reach), ("ours", f"! {reach}")):
            text = f'FROM scratch\nCOPY bin /bin\nRUN ["/bin/busybox", "sh", "-c", "{command}"]\nCMD ["/bin/busybox"]\n'
            bake(home, tmp_path / (owner or "plain"), text, owner)
        server.shutdown()
    assert met == [""]
