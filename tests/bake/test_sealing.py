"""Sealing on real tools: what a kernel shows of the sealed layers is what the recipe made, and equal recipes are equal bytes."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.support.tiny import busybox

from stoneware.bake import build, origin, recipe, seal
from stoneware.bake.base import image_digest
from stoneware.bake.our_base import offer_base
from stoneware.bake.scan import scan
from stoneware.bake.tree import listing, tree_digest
from stoneware.bake.verify import entries_of
from stoneware.bake.workspace import workspace
from stoneware.errors import BakeFailed
from stoneware.host.home import Home
from stoneware.host.run import run
from stoneware.model.image import Artifact

BIG = 9 * 2**20

RECIPE = """\
FROM scratch
COPY lower /
COPY more /
COPY upper /
ENTRYPOINT ["/bin/program"]
"""


@pytest.fixture
def kitchen(tmp_path: Path) -> Path:
    """A recipe of three layers, too large to be joined."""
    folder = tmp_path / "recipe"
    for layer in ("lower", "more", "upper"):
        place = folder / layer / "srv" / layer
        place.mkdir(parents=True)
        (place / "ballast").write_bytes(os.urandom(BIG) if layer != "upper" else b"small")
    (folder / "lower" / "bin").mkdir()
    (folder / "lower" / "bin" / "program").write_text("#!")
    (folder / "lower" / "etc").mkdir()
    (folder / "lower" / "etc" / "shadow").write_text("root:*:20000:0:99999:7:::\n")
    (folder / "Containerfile").write_text(RECIPE)
    return folder


def bake(
    home: Home,
    folder: Path,
    name: str = "one",
    mounts: tuple[str, ...] = ("/srv/data/deep",),
    between: Callable[[], object] = lambda: None,
) -> Artifact:
    """`between` is called when all is built, and nothing sealed."""
    with workspace(home, name, lambda _: None) as space:
        files = recipe.find_recipe(folder, "Containerfile", ".")
        built = build.build(space, files, 0.0)
        between()
        return seal.seal(
            space,
            built.image,
            family="web",
            recipe=origin.describe(files, built.base),
            pack=None,
            writable=(),
            mounts=mounts,
            deliver=("container",),
        )


def seen(artifact: Artifact, folder: Path) -> str:
    """The digest of the tree that the kernel shows of the layers of an image, stacked as a machine stacks them."""
    lower = []
    script = ["set -e"]
    for number, (file, _) in enumerate(artifact.layers):
        place = folder / str(number)
        place.mkdir()
        lower.insert(0, str(place))
        script.append(f"mount -t erofs -o loop,ro {file} {place}")
    (folder / "all").mkdir()
    script.append(f"mount -t overlay -o ro,lowerdir={':'.join(lower)} overlay {folder}/all")
    code = (
        "import sys; from pathlib import Path; from stoneware.bake.scan import scan; "
        "from stoneware.bake.tree import listing, tree_digest; print(tree_digest(listing(scan(Path(sys.argv[1])))))"
    )
    # a mount namespace of its own: nothing stays mounted
    script.append(f"exec {sys.executable} -c '{code}' {folder}/all")
    words = ["unshare", "--mount", "sh", "-c", "\n".join(script)]
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout.strip()


@pytest.mark.host
def test_a_machine_sees_the_tree_that_the_manifest_names(home: Home, kitchen: Path, tmp_path: Path) -> None:
    artifact = bake(home, kitchen)
    assert len(artifact.layers) == 3
    assert (entries_of(artifact)["."].kind, entries_of(artifact)["srv/data/deep"].kind) == ("d", "d")
    (tmp_path / "seen").mkdir()
    assert seen(artifact, tmp_path / "seen") == artifact.manifest.tree


@pytest.mark.host
def test_the_container_holds_the_same_tree(home: Home, kitchen: Path, tmp_path: Path) -> None:
    artifact = bake(home, kitchen)
    words: list[str | Path] = [
        "buildah",
        "--root",
        tmp_path / "root",
        "--runroot",
        tmp_path / "run",
        "--storage-driver",
        "vfs",
    ]
    pulled = run([*words, "pull", "oci:oci"], timeout_s=120, cwd=artifact.folder).stdout.strip()
    container = run([*words, "from", "--pull=never", pulled], timeout_s=120).stdout.strip()
    tree = Path(run([*words, "mount", container], timeout_s=60).stdout.strip())
    try:
        assert tree_digest(listing(scan(tree))) == artifact.manifest.tree
    finally:
        run([*words, "rm", container], timeout_s=60)
        run([*words, "rmi", "--all", "--force"], timeout_s=60)


@pytest.mark.host
def test_a_sealed_image_is_a_base_again_wherever_it_lies(kitchen: Path, tmp_path: Path) -> None:
    """buildah makes a name of where it finds an image, and refuses one with capitals."""
    home = Home(tmp_path / "Stoneware")
    home.prepare()
    artifact = bake(home, kitchen)
    with workspace(home, "two", lambda _: None) as space:
        space.buildah("rmi", "--all", "--force", quiet=True)
        offer_base(space, "web/1", artifact)
        assert image_digest(space, "web/1") is not None


@pytest.mark.host
def test_hard_links_stay_in_the_machine_and_in_the_container(home: Home, kitchen: Path, tmp_path: Path) -> None:
    """Names of one file, made in a layer of its own of a program that lies below it: overlayfs leaves its notes on the file."""
    shutil.copy(busybox(), kitchen / "lower" / "bin" / "busybox")
    many = "/bin/busybox mkdir /links && for n in 1 2 3 4 5 6 7 8 9; do /bin/busybox ln /bin/busybox /links/$n; done"
    made = RECIPE.replace("ENTRYPOINT", f'RUN ["/bin/busybox", "sh", "-c", "{many}"]\nENTRYPOINT')
    (kitchen / "Containerfile").write_text(made)
    linked = bake(home, kitchen)
    (kitchen / "Containerfile").write_text(made.replace("busybox ln", "busybox cp"))
    copied = bake(home, kitchen, "two")
    assert linked.manifest.tree != copied.manifest.tree
    assert [entries_of(linked)[f"links/{n}"].link for n in (1, 2, 9)] == ["bin/busybox"] * 3
    size = busybox().stat().st_size
    assert linked.layers[-1][0].stat().st_size < 1.2 * size
    (tmp_path / "seen").mkdir()
    assert seen(linked, tmp_path / "seen") == linked.manifest.tree
    [top] = [file for file in (linked.oci / "blobs" / "sha256").iterdir() if b"links/9" in file.read_bytes()]
    with tarfile.open(top) as tar:
        found = {one.name: (one.type, one.linkname) for one in tar.getmembers()}
    assert found["links/9"] == (tarfile.LNKTYPE, "bin/busybox")


@pytest.mark.host
def test_the_same_recipe_in_another_store_gives_the_same_bytes(home: Home, kitchen: Path, tmp_path: Path) -> None:
    there = Home(tmp_path / "there")
    there.prepare()
    one, other = bake(home, kitchen), bake(there, kitchen)
    assert one.manifest == other.manifest
    for sealed in one.manifest.files.values():
        content = (other.folder / sealed.name).read_bytes()
        assert hashlib.sha256(content).hexdigest() == sealed.sha256
    assert (one.oci / "index.json").read_bytes() == (other.oci / "index.json").read_bytes()


@pytest.mark.host
def test_a_change_at_the_top_writes_little_and_shares_the_rest(home: Home, kitchen: Path) -> None:
    first = bake(home, kitchen)
    blobs = home.images / "blobs"
    before = sum(file.stat().st_size for file in blobs.iterdir())
    (kitchen / "upper" / "srv" / "upper" / "ballast").write_text("changed")
    second = bake(home, kitchen, "two")
    assert sum(file.stat().st_size for file in blobs.iterdir()) - before < 200_000
    assert first.layers[0][0].stat().st_ino == second.layers[0][0].stat().st_ino
    assert first.manifest.tree != second.manifest.tree


@pytest.mark.host
def test_a_folder_is_added_where_the_tree_has_none_and_refused_where_something_else_stands(
    home: Home, kitchen: Path
) -> None:
    (kitchen / "upper" / "srv" / "link").symlink_to("lower")
    with pytest.raises(BakeFailed, match="/srv/link is a link"):
        bake(home, kitchen, mounts=("/srv/link",))
    (kitchen / "upper" / "srv" / "out").symlink_to("/var/lib")
    with pytest.raises(BakeFailed, match="/srv/out is a link"):
        bake(home, kitchen, mounts=("/srv/out/made-by-a-test",))
    assert not Path("/var/lib/made-by-a-test").exists()
    with pytest.raises(BakeFailed, match="/bin/program is no folder"):
        bake(home, kitchen, mounts=("/bin/program",))


def content_of(artifact: Artifact, name: str) -> bytes:
    """A file in the layers of the container."""
    for file in (artifact.oci / "blobs" / "sha256").iterdir():
        with contextlib.suppress(tarfile.ReadError), tarfile.open(file) as tar:
            if name in tar.getnames() and (found := tar.extractfile(name)) is not None:
                return found.read()
    raise AssertionError(f"no layer has {name}")


@pytest.mark.host
def test_a_steps_shell_is_the_recipes_and_what_is_delivered_is_an_oci_image(home: Home, kitchen: Path) -> None:
    shutil.copy(busybox(), kitchen / "lower" / "bin" / "busybox")
    shell = 'SHELL ["/bin/busybox", "sh", "-euc"]\nRUN /bin/busybox echo "$0" "$-" >/flags\nENTRYPOINT ["/bin/program"]'
    more = "USER 5:6\nWORKDIR /srv\nVOLUME /data\nHEALTHCHECK CMD true\nENV A=b\n"
    (kitchen / "Containerfile").write_text(RECIPE.replace('ENTRYPOINT ["/bin/program"]', shell) + more)
    artifact = bake(home, kitchen)
    manifest = json.loads((artifact.oci / "blobs" / "sha256" / artifact.manifest.container[7:]).read_bytes())
    assert manifest["mediaType"] == "application/vnd.oci.image.manifest.v1+json"
    config = json.loads((artifact.oci / "blobs" / "sha256" / manifest["config"]["digest"][7:]).read_bytes())["config"]
    assert config["Entrypoint"] == ["/bin/program"]
    assert (config["User"], config["WorkingDir"], config["Volumes"]) == ("5:6", "/srv", {"/data": {}})
    assert "A=b" in config["Env"]
    assert artifact.manifest.entrypoint is not None
    assert artifact.manifest.entrypoint.user == "5:6"
    assert {"e", "u"} <= set(content_of(artifact, "flags").decode().split()[1])
    (kitchen / "Containerfile").write_text((kitchen / "Containerfile").read_text() + "CMD exec /bin/program\n")
    with pytest.raises(BakeFailed, match="CMD would not run in the recipe's SHELL") as failed:
        bake(home, kitchen)
    assert (failed.value.step, "list of words" in failed.value.next_step) == ("line 13: exec /bin/program", True)


@pytest.mark.host
def test_a_step_that_finds_no_room_is_not_blamed(small_home: Home, kitchen: Path) -> None:
    shutil.copy(busybox(), kitchen / "upper" / "busybox")
    fill = "/busybox dd if=/dev/zero of=/big bs=1M count=400 2>/dev/null"
    lines = f'FROM scratch\nCOPY upper /\nRUN ["/busybox", "sh", "-c", "{fill}; exit 3"]\n'
    (kitchen / "Containerfile").write_text(lines)
    with pytest.raises(BakeFailed, match=f"no space left on the disk of {small_home.build}") as failed:
        bake(small_home, kitchen)
    assert "RUN" in failed.value.step


@pytest.mark.host
def test_a_base_that_is_not_there_is_named_with_a_way_on(home: Home, kitchen: Path) -> None:
    (kitchen / "Containerfile").write_text("FROM localhost/nosuch/base:1\n")
    with pytest.raises(BakeFailed, match="the base localhost/nosuch/base:1 isn't there") as failed:
        bake(home, kitchen)
    assert "check its name" in failed.value.next_step


@pytest.fixture
def small_home(tmp_path: Path) -> Iterator[Home]:
    """A home on a disk of its own."""
    (tmp_path / "disk").mkdir()
    run(["mount", "-t", "tmpfs", "-o", "size=50m", "tmpfs", tmp_path / "disk"])
    home = Home(tmp_path / "disk" / "home")
    home.prepare()
    yield home
    store = home.build / "store"
    run(["buildah", "--root", store / "root", "--runroot", store / "run", "rm", "--all"], timeout_s=60, ok=(0, 1, 125))
    run(["umount", "--lazy", tmp_path / "disk"])


def resize(home: Home, size_bytes: int) -> None:
    run(["mount", "-o", f"remount,size={size_bytes}", home.root.parent])


def fill(home: Home) -> None:
    """Its disk has less room than a layer takes."""
    disk = os.statvfs(home.root.parent)
    resize(home, (disk.f_blocks - disk.f_bfree) * disk.f_frsize + 2**16)


@pytest.mark.host
@pytest.mark.parametrize("when", ["in the build", "in the sealing"])
def test_a_full_disk_ends_a_bake_in_words_and_leaves_no_half_image(when: str, small_home: Home, kitchen: Path) -> None:
    if when == "in the sealing":
        resize(small_home, 300 * 2**20)
    with pytest.raises(BakeFailed, match="no space left") as failed:
        bake(small_home, kitchen, between=lambda: fill(small_home))
    assert "free some space" in failed.value.next_step
    assert [path.name for path in small_home.images.iterdir() if path.name != "blobs"] == []
    resize(small_home, 300 * 2**20)
    assert len(bake(small_home, kitchen, "two").layers) == 3
