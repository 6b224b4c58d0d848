"""What an entrypoint may, and what stays in podman's store: with real containers of one small program."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.layouts import container_home
from tests.support.tiny import tiny_container

from stoneware.engines.container import ContainerEngine
from stoneware.errors import EngineError
from stoneware.host.home import Home
from stoneware.host.run import run
from stoneware.model.image import Artifact
from stoneware.model.machine import Phase, WantedMachine

pytestmark = pytest.mark.host
NAME = "town-web-r1-0"
SECRET = ["COPY --chmod=600 secret /secret"]
LOOK = (
    "busybox grep -E '^(Cap|Uid)' /proc/self/status; busybox cat /secret; "
    "busybox httpd -p 80 && echo listens; echo done; exec busybox sleep 1000"
)
ENTRYPOINT = f"ENTRYPOINT {json.dumps(['/bin/busybox', 'sh', '-c', LOOK])}"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    with container_home(Path(tmp_path_factory.mktemp("rights"))) as home:
        yield home
        store = home.build / "store"
        words: list[str | Path] = ["buildah", "--root", store / "root", "--runroot", store / "run", "rm", "--all"]
        run(words, timeout_s=60, ok=(0, 1, 125))


def tiny(home: Home, folder: Path, *lines: str, family: str = "tiny") -> Artifact:
    folder.mkdir(parents=True)
    (folder / "secret").write_text("nobody may read this\n")
    return tiny_container(home, folder, [*SECRET, *lines, ENTRYPOINT], family=family)


def printed(engine: ContainerEngine, artifact: Artifact) -> str:
    """What the image's entrypoint says of itself."""
    engine.publish_image(artifact)
    digest = artifact.manifest.digest
    machine = WantedMachine(
        name=NAME, owner="town", group="web", fleet=1, index=0, digest=digest, cpus=1, memory_bytes=2**26
    )
    engine.create_machine(machine)
    end = time.monotonic() + 30
    while "done" not in engine.read_console(NAME):
        assert time.monotonic() < end, engine.read_console(NAME)
        time.sleep(0.05)
    assert engine.list_machines()[0].phase is Phase.SERVING
    return engine.read_console(NAME)


def test_a_user_of_the_recipe_has_no_rights_beyond_its_own(engine: ContainerEngine, home: Home, tmp_path: Path) -> None:
    said = printed(engine, tiny(home, tmp_path / "recipe", "USER 1234"))
    facts = dict(line.split(":\t") for line in said.splitlines() if ":\t" in line)
    assert facts["Uid"].split()[0] == "1234"
    for which in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
        assert int(facts[which], 16) == 0, which
    assert "nobody may read this" not in said
    assert "Permission denied" in said
    assert "listens" in said, "a port is no right"


def test_an_older_record_does_not_make_root_of_a_user(engine: ContainerEngine, home: Home, tmp_path: Path) -> None:
    """It didn't say whom the entrypoint runs as: podman is asked."""
    artifact = tiny(home, tmp_path / "recipe", "USER 57")
    engine.publish_image(artifact)
    file = engine.images.path / f"{artifact.manifest.digest[7:]}.json"
    record = json.loads(file.read_bytes())
    assert record.pop("user") == "57"
    file.write_text(json.dumps(record))
    assert engine.images.get(artifact.manifest.digest).user == "57"


def test_root_keeps_what_services_need(engine: ContainerEngine, home: Home, tmp_path: Path) -> None:
    said = printed(engine, tiny(home, tmp_path / "recipe"))
    facts = dict(line.split(":\t") for line in said.splitlines() if ":\t" in line)
    assert int(facts["CapEff"], 16) >> 7 & 1, "CAP_SETUID"
    assert int(facts["CapAmb"], 16) == 0
    assert "nobody may read this" in said


def images(engine: ContainerEngine) -> set[str]:
    """Every name, and every image without one, in podman's store."""
    listed = json.loads(engine.podman.run("images", "--all", "--format", "json") or "[]")
    return {name for one in listed for name in one.get("Names") or [one["Id"]]}


def test_families_with_one_content_are_images_of_their_own(engine: ContainerEngine, home: Home, tmp_path: Path) -> None:
    before = images(engine)
    one, other = (tiny(home, tmp_path / family, "USER 55", family=family) for family in ("one", "other"))
    assert one.manifest.digest != other.manifest.digest
    engine.publish_image(one)
    assert "CapEff" in printed(engine, other)
    assert engine.list_machines()[0].digest == other.manifest.digest
    engine.delete_machine(NAME)
    engine.delete_image(other.manifest.digest)
    assert "CapEff" in printed(engine, one)
    engine.delete_machine(NAME)
    engine.delete_image(one.manifest.digest)
    assert images(engine) == before


def test_what_could_not_be_loaded_leaves_nothing(
    engine: ContainerEngine, home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = images(engine)
    artifact = tiny(home, tmp_path / "recipe", "USER 56")
    monkeypatch.setattr("stoneware.engines.container.images.write_atomic", _full)
    with pytest.raises(OSError, match="full"):
        engine.publish_image(artifact)
    engine.delete_image(artifact.manifest.digest)
    assert images(engine) == before
    monkeypatch.undo()
    config = json.loads((artifact.oci / "blobs" / "sha256" / artifact.manifest.container[7:]).read_bytes())["config"]
    blob = artifact.oci / "blobs" / "sha256" / config["digest"][7:]
    blob.unlink()
    blob.write_bytes(b"{}")
    with pytest.raises(EngineError):
        engine.publish_image(artifact)
    assert images(engine) == before


def _full(*_: object) -> None:
    raise OSError("the disk is full")
