"""Who holds an image knows what is in it, that nobody changed it, and that its recipe makes it again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.plain import BALLAST, SERVE, write_plain
from tests.support.town import Town, await_true

from stoneware.bake.verify import load
from stoneware.clock import SystemClock
from stoneware.engines.qemu import QemuEngine
from stoneware.errors import Refused
from stoneware.host.home import Home
from stoneware.model.image import Artifact
from stoneware.model.machine import Phase, WantedMachine


@pytest.fixture(scope="module")
def town(workshop: Town) -> Town:
    """Two versions of an image that differ in one file."""
    write_plain(workshop.repository)
    workshop.cli("bake", "plain")
    (workshop.repository / "serve").write_text(SERVE + "# another version\n")
    workshop.cli("bake", "plain", "--as", "vm")
    return workshop


def stored(town: Town, number: int) -> Artifact:
    digest = town.json("image", "show", f"plain/{number}")["image"]["digest"]
    return load(town.home / "images", digest)


@pytest.mark.vm
def test_a_whole_image_is_proven_part_by_part(town: Town) -> None:
    found = town.json("image", "verify", "plain/1")
    [key] = found["signed_by"]
    assert key == town.json("key", "show")["id"]
    said = "\n".join(found["held"])
    for part in ("manifest sha256:", "files", "hash tree", "tree sha256:", "provenance", "boot test"):
        assert part in said


@pytest.mark.vm
def test_a_recipe_makes_the_same_image_again_and_what_differs_is_named(town: Town) -> None:
    said = town.cli("image", "verify", "plain/2", "--rebuild").stdout
    assert "equal: the recipe makes the same image" in said
    failed = town.cli("image", "verify", "plain/1", "--rebuild", ok=(1,))
    assert "differs in content: bin/serve" in failed.stdout + failed.stderr
    assert [image["number"] for image in town.json("image", "list")] == [1, 2]


@pytest.mark.vm
def test_a_difference_names_packages_and_files(town: Town) -> None:
    found = town.json("image", "diff", "plain/1", "plain/2")
    assert [(one["path"], one["how"]) for one in found["files"]] == [("bin/serve", "content")]
    assert found["delta_bytes"] == len("# another version\n")
    bill = town.json("image", "sbom", "plain/1")
    assert (bill["bomFormat"], bill["metadata"]["component"]["name"]) == ("CycloneDX", "plain")


@pytest.fixture
def flipped(town: Town) -> Iterator[tuple[Path, int]]:
    """A byte of the ballast of plain/1, in its stored layer; it is as it was afterwards."""
    file = stored(town, 1).layers[0][0]
    content = file.read_bytes()
    place = content.find(BALLAST[500_000:500_032])
    assert place > 0
    file.chmod(0o644)
    yield file, place
    file.write_bytes(content)
    file.chmod(0o444)


def flip(file: Path, place: int) -> None:
    with file.open("r+b") as out:
        out.seek(place)
        byte = out.read(1)[0]
        out.seek(place)
        out.write(bytes([byte ^ 1]))


@pytest.mark.vm
def test_a_flipped_byte_ends_in_a_read_error_in_a_machine_that_runs(town: Town, flipped: tuple[Path, int]) -> None:
    digest, engine = stored(town, 1).manifest.digest, QemuEngine(Home(town.home), SystemClock())
    wanted = WantedMachine(
        name="tampered",
        owner="test",
        group="web",
        fleet=1,
        index=0,
        digest=digest,
        cpus=2,
        memory_bytes=2**28,
        ports=(8080,),
        agent=True,
    )
    try:
        engine.create_machine(wanted)
        await_true(lambda: engine.list_machines("test")[0].phase is Phase.SERVING, 180)
        flip(*flipped)
        read = engine.run_inside("tampered", ["/bin/busybox", "md5sum", "/srv/ballast"], 30)
        assert read.status != 0
        assert "error" in read.output.lower()
        assert engine.run_inside("tampered", ["/bin/busybox", "true"], 30).status == 0
    finally:
        engine.delete_machine("tampered")
        engine.close()


@pytest.mark.vm
def test_a_flipped_byte_is_found_by_verify_and_refused_by_the_engine(town: Town, flipped: tuple[Path, int]) -> None:
    flip(*flipped)
    failed = town.cli("image", "verify", "plain/1", ok=(1,))
    assert "layer-0.img was changed" in failed.stderr
    engine = QemuEngine(Home(town.home), SystemClock())
    with pytest.raises(Refused, match=r"layer-0\.img was changed"):
        engine.publish_image(stored(town, 1))


@pytest.mark.vm
def test_a_statement_that_was_changed_proves_nothing(town: Town) -> None:
    record = stored(town, 1).folder / "boot-test.dsse.json"
    whole = record.read_bytes()
    record.chmod(0o644)
    record.write_bytes(whole.replace(b'"sig":"', b'"sig":"AAAA', 1))
    try:
        failed = town.cli("image", "verify", "plain/1", ok=(1,))
        assert "boot-test.dsse.json" in failed.stderr
    finally:
        record.write_bytes(whole)


@pytest.mark.vm
def test_an_image_is_a_base_and_what_is_wrong_with_it_is_wrong_with_what_stands_on_it(town: Town) -> None:
    folder = town.repository
    (folder / "Child").write_text("FROM plain/2\nCOPY passwd /etc/more\n")
    declared = (folder / "stoneware.yaml").read_text() + "  child:\n    containerfile: Child\n"
    (folder / "stoneware.yaml").write_text(declared)
    assert "published child/1" in town.cli("bake", "child").stdout
    child = town.json("image", "show", "child/1")["manifest"]
    assert child["recipe"]["base"] == "plain/2"
    assert child["recipe"]["base_digest"] == town.json("image", "show", "plain/2")["image"]["digest"]
    assert child["entrypoint"]["user"] == "www"
    town.cli("image", "revoke", "plain/2", "--reason", "CVE-2026-1")
    assert town.json("image", "show", "child/1")["image"]["effective"]["source"] == "revocation"
    refused = town.cli("bake", "child", ok=(1,))
    assert "the base plain/2 is revoked: CVE-2026-1" in refused.stdout + refused.stderr
