"""A step is done anew when what it mounts has changed, and for nothing else."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from tests.support.tiny import busybox

from stoneware.bake import build, recipe
from stoneware.bake.context import context_material, require_plain_names, taken_files
from stoneware.bake.mounted import step_mounts
from stoneware.bake.own_cache import LABEL, labelled
from stoneware.bake.recipe import RecipeFiles
from stoneware.bake.workspace import Workspace, workspace
from stoneware.host.home import Home

IMAGES = {"web/1": "sha256:1", "registry.example.org/x": "", "other": "sha256:2"}
SRC = "RUN --mount=type=bind,source=src,target=/m true"


def files(folder: Path, *lines: str) -> RecipeFiles:
    (folder / "src" / "deep").mkdir(parents=True, exist_ok=True)
    (folder / "src" / "deep" / "f").write_text("one")
    (folder / "beside").write_text("one")
    (folder / "Containerfile").write_text("\n".join(["FROM scratch AS first", "FROM scratch", *lines, ""]))
    return RecipeFiles(folder / "Containerfile", folder)


def test_what_is_mounted_counts_and_what_lies_beside_it_does_not(tmp_path: Path) -> None:
    made = files(tmp_path, "RUN true", SRC, "RUN --mount=type=cache,target=/c --mount=type=tmpfs,target=/t true")
    told = [step_mounts(made, {}).told]
    assert list(told[0]) == [4]
    (tmp_path / "beside").write_text("two")
    os.utime(tmp_path / "src" / "deep" / "f", (1, 1))
    assert step_mounts(made, {}).told == told[0]
    inside = tmp_path / "src"
    for change in (
        lambda: (inside / "deep" / "f").write_text("two"),
        lambda: (inside / "deep" / "f").chmod(0o755),
        lambda: (inside / "deep" / "f").rename(inside / "deep" / "g"),
        lambda: (inside / "link").symlink_to("deep"),
        (inside / ".git").mkdir,
        lambda: (inside / ".git" / "HEAD").write_text("x"),
        lambda: os.chown(inside / "deep", 1, 1),
        lambda: inside.chmod(0o700),
    ):
        change()
        told.append(step_mounts(made, {}).told)
    assert len({one[4] for one in told}) == len(told)


def test_the_whole_folder_and_one_file_count_too(tmp_path: Path) -> None:
    made = files(tmp_path, "RUN --mount=type=bind,target=/m true", "RUN --mount=type=bind,src=/beside,dst=/b true")
    before = step_mounts(made, {}).told
    (tmp_path / ".git").mkdir()
    after = step_mounts(made, {}).told
    assert before[3] != after[3] and before[4] == after[4]
    (tmp_path / "beside").write_text("two")
    assert step_mounts(made, {}).told[4] != after[4]


def test_an_image_counts_by_its_digest(tmp_path: Path) -> None:
    made = files(tmp_path, "RUN --mount=type=bind,from=web/1,target=/m --mount=type=cache,from=other,target=/c true")
    assert step_mounts(made, IMAGES).told == {3: "sha256:1 sha256:2"}


@pytest.mark.parametrize(
    "line",
    [
        "RUN --mount=type=bind,from=first,target=/m true",
        "RUN --mount=type=bind,from=0,target=/m true",
        "RUN --mount=type=cache,from=FIRST,target=/m true",
        "RUN --mount=type=bind,from=registry.example.org/x,target=/m true",
        "RUN --mount=type=bind,from=unheard/of,target=/m true",
        "RUN --mount=type=bind,source=$X,target=/m true",
        'RUN --mount=type=bind,source="src",target=/m true',
        "RUN --mount=type=bind,source=s\\rc,target=/m true",
        "RUN --mount=type=bind,source=../x,target=/m true",
        "RUN --mount=type=bind,source=link/deep,target=/m true",
        "RUN --mount=type=bind,source=link,target=/m true",
        "RUN --mount=type=bind,source=none,target=/m true",
        "RUN --mount=type=bind,source=src,source=beside,target=/m true",
        "RUN --mount=type=odd,source=src,target=/m true",
        "RUN --mount=source=src,target=/m true",
        "RUN --mount=target=/m,type=bind true",
        "RUN --mount true",
        'RUN --network="none" --mount=type=tmpfs,target=/x true',
        f"ONBUILD {SRC}",
        f"# escape=`\n{SRC}",
    ],
)
def test_where_only_the_build_knows_nothing_is_told(line: str, tmp_path: Path) -> None:
    made = files(tmp_path, line)
    (tmp_path / "link").symlink_to("src")
    found = step_mounts(made, {**IMAGES, "first": "sha256:3"})
    assert found.told == {}
    assert found.unknown is not None
    assert found.unknown.line == 3


@pytest.mark.parametrize("line", ["RUN mount", "RUN echo --mount=$X", "COPY mount /", "RUN --network=none mount"])
def test_most_recipes_mount_nothing(line: str, tmp_path: Path) -> None:
    found = step_mounts(files(tmp_path, line), {})
    assert (found.told, found.unknown) == ({}, None)


def test_what_is_told_stands_before_its_step() -> None:
    text = "FROM a\nRUN x\n  # why\nRUN --mount=type=bind \\\n  y"
    before, label, after = labelled(text, "", {4: "this"}).partition(f'LABEL {LABEL}="')
    assert before + after.partition("\n")[2] == text
    assert before.endswith("# why\n") and label
    assert labelled(text, "", {4: "that"}) != labelled(text, "", {4: "this"})
    assert labelled(text, "me", {4: "this"}).count("LABEL") == 2


def test_what_is_mounted_is_among_what_a_recipe_takes(tmp_path: Path) -> None:
    made = files(tmp_path, SRC, "RUN --mount=type=bind,from=first,source=beside,target=/b true")
    assert [str(path.relative_to(tmp_path)) for path in taken_files(made)] == ["src", "src/deep", "src/deep/f"]
    one = context_material(made)
    (tmp_path / "src" / "deep" / "f").write_text("two")
    assert one is not None and one != context_material(made)
    (tmp_path / "src" / ".wh.x").touch()
    require_plain_names(made)  # what is mounted comes into no image
    everything = set(taken_files(files(tmp_path, "RUN --mount=type=bind,source=$X,target=/m true")))
    assert tmp_path / "beside" in everything
    assert list(taken_files(files(tmp_path, "RUN --mount=type=bind,source=../x,target=/m true"))) == []


class Shop:
    """Bakes a recipe again and again, and says what it came to."""

    def __init__(self, home: Home, folder: Path, text: str) -> None:
        self.home, self.folder, self.printed = home, folder, list[str]()
        (folder / "bin").mkdir(parents=True)
        (folder / "src").mkdir()
        shutil.copy(busybox(), folder / "bin" / "busybox")
        (folder / "Containerfile").write_text(text)

    def bake(self, word: str, owner: str) -> str:
        """What stands in /out, with this word in src/f."""
        (self.folder / "src" / "f").write_text(word)
        self.printed.clear()
        with workspace(self.home, "one", self.printed.append) as space:
            made = build.build(
                space, recipe.find_recipe(self.folder, "Containerfile", "."), 0.0, owner=owner, network=not owner
            )
            return self._read(space, made.image)

    def _read(self, space: Workspace, image: str) -> str:
        space.buildah("from", "--pull-never", "--name", space.container, image, quiet=True)
        tree = Path(space.buildah("mount", space.container, quiet=True).stdout.strip())
        return (tree / "out").read_text()

    @property
    def used_again(self) -> int:
        return len([line for line in self.printed if "Using cache" in line])


COPY = 'RUN {} ["/bin/busybox", "cp", "/m/f", "/out"]\n'
OF_CONTEXT = "FROM scratch\nCOPY bin /bin\n" + COPY.format("--mount=type=bind,source=src,target=/m")
OF_STAGE = "FROM scratch AS first\nCOPY src /\nFROM scratch\nCOPY bin /bin\n"
OF_STAGE += COPY.format("--mount=type=bind,from=first,target=/m")


@pytest.mark.host
@pytest.mark.parametrize("owner", ["ours", ""])
def test_the_second_commit_has_what_the_second_commit_says(owner: str, home: Home, tmp_path: Path) -> None:
    shop = Shop(home, tmp_path / "recipe", OF_CONTEXT)
    assert shop.bake("evil", owner) == "evil"
    assert shop.bake("good", owner) == "good"
    before = shop.used_again
    assert shop.bake("evil", owner) == "evil"
    assert shop.used_again > before > 0


@pytest.mark.host
def test_a_stage_that_is_mounted_is_looked_at_anew(home: Home, tmp_path: Path) -> None:
    shop = Shop(home, tmp_path / "recipe", OF_STAGE)
    assert shop.bake("one", "") == "one"
    assert shop.bake("two", "") == "two"
    assert [
        line for line in shop.printed if line.startswith("no earlier layer is used: only the build knows what line 5")
    ]
