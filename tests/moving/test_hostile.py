"""Nothing of an offered file is believed: whatever is wrong with it is named, and nothing of it stays."""

from __future__ import annotations

import json
import os
import tarfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.moving.small import archive, contents, layout, make, members, pack, record_of, rewritten, take_in

from stoneware.errors import NotFound, Refused
from stoneware.host.home import Home
from stoneware.model.image import Artifact
from stoneware.moving.documents import sha256
from stoneware.moving.tar import header
from stoneware.operations.importing import look

Files = dict[str, bytes]


def refused(home: Home, source: Path, said: str) -> None:
    """It isn't taken in, for this reason, and the store is as it was."""
    before = contents(home.images)
    with pytest.raises(Refused, match=said):
        take_in(home, source)
    assert contents(home.images) == before


# --- the archive itself


def odd(kind: bytes, name: str = "blobs/sha256/" + "0" * 64, target: str = "", size: int = 0) -> tarfile.TarInfo:
    header = tarfile.TarInfo(name)
    header.type, header.linkname, header.size = kind, target, size
    return header


@pytest.mark.parametrize(
    ("member", "said"),
    [
        (odd(tarfile.SYMTYPE, target="/etc/passwd"), "is no plain file"),
        (odd(tarfile.LNKTYPE, target="index.json"), "is no plain file"),
        (odd(tarfile.CHRTYPE), "is no plain file"),
        (odd(tarfile.BLKTYPE), "is no plain file"),
        (odd(tarfile.FIFOTYPE), "is no plain file"),
        (odd(tarfile.GNUTYPE_SPARSE), "is no plain file"),
        (odd(tarfile.CONTTYPE), "is no plain file"),
        (odd(tarfile.DIRTYPE, "blobs/sha512"), "is no plain file"),
        (odd(tarfile.DIRTYPE, ".."), "is no plain file"),
        (odd(tarfile.XHDTYPE, "pax"), "is no plain file"),
        (odd(tarfile.GNUTYPE_LONGNAME, "././@LongLink"), "is no plain file"),
        (odd(tarfile.REGTYPE, "../../etc/cron.d/x"), "'../../etc/cron.d/x' doesn't belong in an image"),
        (odd(tarfile.REGTYPE, "/etc/passwd"), "doesn't belong"),
        (odd(tarfile.REGTYPE, "blobs/sha256/../../x"), "doesn't belong"),
        (odd(tarfile.REGTYPE, "./index.json"), "doesn't belong"),
        (odd(tarfile.REGTYPE, "blobs/sha256/" + "A" * 64), "doesn't belong"),
        (odd(tarfile.REGTYPE, "README"), "doesn't belong"),
        (odd(tarfile.REGTYPE, "index.json"), "'index.json' is there twice"),
        (odd(tarfile.REGTYPE), "belongs to nothing in it"),
        (odd(tarfile.REGTYPE, size=10**9), "is cut off"),
    ],
    ids=lambda given: f"{given.type!r} {given.name}"[:40] if isinstance(given, tarfile.TarInfo) else "",
)
def test_what_does_not_belong_in_an_archive(
    member: tarfile.TarInfo, said: str, home: Home, artifact: Artifact, tmp_path: Path
) -> None:
    plain = members(archive(artifact, tmp_path / "good"))
    out = tmp_path / "bad"
    with tarfile.open(out, "w", format=tarfile.GNU_FORMAT) as tar:
        for name, content in plain.items():
            one = tarfile.TarInfo(name)
            one.size = len(content)
            tar.addfile(one, BytesIO(content))
        tar.addfile(member)
    refused(home, out, said)


@pytest.mark.parametrize("size", [b"\xff" * 12, b"\x80" + b"\xff" * 11, b"nonsense\0\0\0\0"])
def test_a_header_with_a_senseless_length(size: bytes, home: Home, artifact: Artifact, tmp_path: Path) -> None:
    block = bytearray(archive(artifact, tmp_path / "good").read_bytes())
    block[124:136] = size
    block[148:156] = b"        "
    block[148:156] = b"%06o\0 " % sum(block[:512])
    (tmp_path / "bad").write_bytes(block)
    refused(home, tmp_path / "bad", "no header of a tar archive at byte 0|cut off")


def test_a_file_may_be_larger_than_old_archives_could_say() -> None:
    block = header("blobs/sha256/" + "0" * 64, 9 * 2**30)
    assert (len(block), tarfile.TarInfo.frombuf(block, "ascii", "strict").size) == (512, 9 * 2**30)


def test_what_stands_behind_the_end(home: Home, artifact: Artifact, tmp_path: Path) -> None:
    good = archive(artifact, tmp_path / "good").read_bytes()
    for more, said in ((b"x", "behind the end"), (b"\0" * 100_000, "behind the end")):
        (tmp_path / "bad").write_bytes(good + more)
        refused(home, tmp_path / "bad", said)


def test_cut_off_anywhere(home: Home, artifact: Artifact, tmp_path: Path) -> None:
    good = archive(artifact, tmp_path / "good").read_bytes()
    end = len(good.rstrip(b"\0"))
    for length in sorted({0, 1, 511, 512, 513, 1024, *range(0, end, end // 40), end - 1, end + 1}):
        (tmp_path / "bad").write_bytes(good[:length])
        refused(home, tmp_path / "bad", "cut off|no header")


@settings(max_examples=120, suppress_health_check=list(HealthCheck))
@given(place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_a_flipped_bit_is_refused_wherever_it_means_something(
    place: float, bit: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """It may stand in padding, or in a time or owner that nobody reads: then the image that comes in is the very same."""
    folder = Path(tmp_path_factory.mktemp("flip"))
    there, home = Home(folder / "there"), Home(folder / "here")
    there.prepare()
    home.prepare()
    artifact = make(there)
    content = bytearray(archive(artifact, folder / "good").read_bytes())
    content[int(place * len(content))] ^= 1 << bit
    (folder / "bad").write_bytes(content)
    try:
        taken = take_in(home, folder / "bad")
    except Refused as no:
        assert str(folder / "bad") in str(no)
        assert contents(home.images) == {}
    else:
        assert contents(taken.folder) == contents(artifact.folder)


# --- what the documents say


def without(role: str) -> Callable[[Any, Any], None]:
    def change(document: Any, _: Any) -> None:
        document["layers"] = [one for one in document["layers"] if one["annotations"]["org.stoneware.role"] != role]

    return change


def annotated(role: str, **changes: str) -> Callable[[Any, Any], None]:
    def change(document: Any, _: Any) -> None:
        for one in document["layers"]:
            if one["annotations"]["org.stoneware.role"] == role:
                one["annotations"].update({key.replace("_", "."): value for key, value in changes.items()})
                return

    return change


def config_with(**changes: Any) -> Callable[[Any, Any], None]:
    return lambda _, config: config.update(changes)


def file_with(role: str, **changes: Any) -> Callable[[Any, Any], None]:
    return lambda _, config: config["files"][role].update(changes)


TITLE = "org_opencontainers_image_title"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (without("kernel"), r"kernel \(vmlinuz\) is missing"),
        (without("layer-1"), r"layer-1 \(layer-1.img\) is missing"),
        (annotated("kernel", org_stoneware_role="root-kit"), "'vmlinuz' is nothing that the image has"),
        (annotated("kernel", **{TITLE: "../vmlinuz"}), "kernel isn't the file"),
        (annotated("attached", **{TITLE: "../../sbom.json"}), "is no name for an attached file"),
        (annotated("attached", **{TITLE: ".sbom"}), "is no name for an attached file"),
        (annotated("attached", **{TITLE: "manifest.json"}), "is no name for an attached file"),
        (annotated("attached", **{TITLE: "notes.txt"}), "'notes.txt' is nothing that is stated of an image"),
        (annotated("attached", **{TITLE: "vmlinuz"}), "is no name for an attached file|twice"),
        (annotated("container", **{TITLE: "oci/../../x"}), "doesn't belong to its container"),
        (annotated("boot-test", **{TITLE: "x"}), "'x' is nothing that the image has"),
        (config_with(family="../x"), "is no name of an image family"),
        (config_with(format=3), "has format 3"),
        (config_with(deliver=[]), "doesn't say how it is delivered"),
        (config_with(layers=[]), "has 0 layers"),
        (lambda _, c: c["files"].update(attached=c["files"]["kernel"]), "has the wrong files: 'attached'"),
        (lambda _, c: c["files"].pop("vmlinux"), "has the wrong files: 'vmlinux'"),
        (config_with(surprise=1), "can't be read: surprise"),
        (config_with(container=""), "doesn't agree with itself about a container"),
        (file_with("kernel", name="../../boot"), "is no name for a file|isn't the file"),
        (file_with("kernel", name="oci"), "is no name for a file"),
        (file_with("kernel", name="initrd.img"), "have the same name"),
        (file_with("kernel", sha256="zz"), "has no digest"),
        (file_with("kernel", size_bytes=8999), "kernel isn't the file"),
        (lambda d, _: d["layers"][0].update(size=1), "isn't the file|bytes, not"),
        (lambda d, _: d["layers"][0].update(size=-1), "can't be read: layers"),
        (lambda d, _: d["layers"][0].update(digest="sha256:../../x"), "can't be read: layers"),
        (lambda d, _: d["layers"].append(d["layers"][0]), "is there twice"),
        (lambda _, c: c["layers"][0].update(hash_start_block=10**9), "hash tree of layer 0"),
        (lambda _, c: c["layers"][0].update(root_hash="x"), "hash tree of layer 0"),
        (lambda d, _: (d.pop("artifactType"), d["config"].update(mediaType="x")), "no Stoneware image"),
    ],
)
def test_documents_that_do_not_fit(
    change: Callable[[Any, Any], None], said: str, home: Home, artifact: Artifact, tmp_path: Path
) -> None:
    files = rewritten(members(archive(artifact, tmp_path / "good")), change)
    refused(home, pack(files, tmp_path / "bad"), said)


def test_a_record_of_another_image_or_of_a_failure(home: Home, artifact: Artifact, tmp_path: Path) -> None:
    record = record_of(artifact.manifest)
    for changes, said in (
        ({"digest": "sha256:" + "9" * 64}, "is of another image"),
        ({"passed": False}, "didn't pass"),
    ):
        out = archive(artifact, tmp_path / said, record.model_copy(update=changes))
        refused(home, out, said)


def test_what_fills_the_blocks_is_empty_and_the_end_is_whole(home: Home, artifact: Artifact, tmp_path: Path) -> None:
    good = archive(artifact, tmp_path / "good").read_bytes()
    first = good.index(b'{"imageLayoutVersion"')
    filled = first + len(b'{"imageLayoutVersion":"1.0.0"}') + 3
    (tmp_path / "filled").write_bytes(good[:filled] + b"\1" + good[filled + 1 :])
    refused(home, tmp_path / "filled", "something stands behind 'oci-layout'")
    for less in (1, 700):
        (tmp_path / "cut").write_bytes(good[:-less])
        refused(home, tmp_path / "cut", "is cut off")
    plain = good.rstrip(b"\0")
    bare = plain + b"\0" * (-len(plain) % 512) + bytes(1024)
    (tmp_path / "bare").write_bytes(bare)
    assert take_in(home, tmp_path / "bare").manifest == artifact.manifest


def test_a_missing_and_an_exchanged_file(home: Home, artifact: Artifact, tmp_path: Path) -> None:
    files = members(archive(artifact, tmp_path / "good"))
    kernel = "blobs/sha256/" + artifact.manifest.files["kernel"].sha256
    less = {name: content for name, content in files.items() if name != kernel}
    refused(home, pack(less, tmp_path / "less"), "vmlinuz is missing")
    refused(home, pack({**files, kernel: b"x"}, tmp_path / "short"), "vmlinuz has 1 bytes, not 9000")
    refused(home, pack({**files, kernel: bytes(9000)}, tmp_path / "other"), "vmlinuz was changed")


@pytest.mark.parametrize("name", ["index.json", "oci-layout"])
@pytest.mark.parametrize("content", [b"", b"[]", b"{", b"null", b"[" * 100_000, b'{"manifests":[1]}', b"\xff\xfe"])
def test_documents_that_are_none(name: str, content: bytes, home: Home, artifact: Artifact, tmp_path: Path) -> None:
    files = members(archive(artifact, tmp_path / "good"))
    refused(home, pack({**files, name: content}, tmp_path / "bad"), f"{name} can't be read")


def test_two_images_in_one(home: Home, there: Home, artifact: Artifact, tmp_path: Path) -> None:
    one, two = (members(archive(each, tmp_path / str(n))) for n, each in enumerate((artifact, make(there, seed=2))))
    listed = [json.loads(each["index.json"])["manifests"][0] for each in (one, two)]
    index = json.dumps({"schemaVersion": 2, "manifests": listed}).encode()
    refused(home, pack({**one, **two, "index.json": index}, tmp_path / "both"), "several images")


def test_a_container_that_is_not_the_images(home: Home, artifact: Artifact, there: Home, tmp_path: Path) -> None:
    """The layout's own index points at another manifest."""
    files = members(archive(artifact, tmp_path / "good"))
    inner = (artifact.oci / "index.json").read_bytes()
    other = inner.replace(artifact.manifest.container.encode(), b"sha256:" + b"7" * 64)

    def change(document: Any, _: Any) -> None:
        for one in document["layers"]:
            if one["digest"] == f"sha256:{sha256(inner)}":
                one["digest"] = f"sha256:{sha256(other)}"

    files = {name: content for name, content in files.items() if not name.endswith(sha256(inner))}
    files = rewritten({**files, f"blobs/sha256/{sha256(other)}": other}, change)
    refused(home, pack(files, tmp_path / "bad"), "index of its container isn't")


@pytest.mark.parametrize("name", ["index.json", "oci-layout"])
def test_a_document_of_the_container_that_is_too_large(
    name: str, home: Home, artifact: Artifact, tmp_path: Path
) -> None:
    """It is refused by its size alone: nobody has signed for that yet, and it would be read into memory."""
    inner, large = (artifact.oci / name).read_bytes(), bytes(4 * 2**20 + 1)

    def change(document: Any, _: Any) -> None:
        for one in document["layers"]:
            if one["digest"] == f"sha256:{sha256(inner)}":
                one.update(digest=f"sha256:{sha256(large)}", size=len(large))

    files = members(archive(artifact, tmp_path / "good"))
    files = {path: content for path, content in files.items() if not path.endswith(sha256(inner))}
    files = rewritten({**files, f"blobs/sha256/{sha256(large)}": large}, change)
    refused(home, pack(files, tmp_path / "bad"), f"{name} is too large")


# --- a folder


def test_a_folder_with_more_or_other_things_in_it(home: Home, artifact: Artifact, tmp_path: Path) -> None:
    kernel = artifact.manifest.files["kernel"].sha256

    def spoil(number: int, place: Path) -> str:
        blob = place / "blobs" / "sha256" / kernel
        if number == 0:
            (place / "notes.txt").write_text("x")
        elif number == 1:
            (place / "blobs" / "sha256" / ("0" * 64)).write_text("x")
            return "belongs to nothing"
        elif number == 2:
            blob.rename(tmp_path / "away")
            blob.symlink_to(tmp_path / "away")
        elif number == 3:
            blob.unlink()
            os.mkfifo(blob)
        elif number == 4:
            (place / "blobs" / "more").mkdir()
        elif number == 5:
            blob.write_bytes(blob.read_bytes()[:-1])
            return "has 8999 bytes, not 9000"
        return "doesn't belong in an image"

    for number in range(6):
        place = layout(artifact, tmp_path / str(number))
        refused(home, place, spoil(number, place))


def test_a_folder_that_leads_elsewhere(home: Home, artifact: Artifact, tmp_path: Path) -> None:
    place = layout(artifact, tmp_path / "layout")
    (place / "blobs").rename(tmp_path / "elsewhere")
    (place / "blobs").symlink_to(tmp_path / "elsewhere")
    refused(home, place, "'blobs' doesn't belong in an image")


def test_what_is_neither_file_nor_folder(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(Refused, match="neither a file nor a folder"):
        look(tmp_path / "pipe")
    with pytest.raises(Refused, match="neither a file nor a folder"):
        look(Path("/dev/zero"))
    with pytest.raises(NotFound, match="there is no"):
        look(tmp_path / "nothing")
    (tmp_path / "empty").mkdir()
    with pytest.raises(Refused, match="oci-layout is missing"):
        look(tmp_path / "empty")
