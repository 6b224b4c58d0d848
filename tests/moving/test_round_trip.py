"""An image leaves one daemon and comes to another: the same bytes, the same digest, with the proof that it was tested."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.api.house import House
from tests.moving.conftest import open_house
from tests.moving.small import NAME, archive, contents, layout, make, members, record_of, take_in

from stoneware.host.files import is_locked
from stoneware.host.home import Home
from stoneware.host.run import run
from stoneware.host.signing_key import installation_key
from stoneware.host.trusted_keys import distrust, trust
from stoneware.model.evidence import Inside
from stoneware.model.image import Artifact, ImageState
from stoneware.moving import entering as entering_module


def ask(house: House, path: str, **body: Any) -> httpx.Response:
    return house.http.post(path, json=body)


def moved(house: House, path: str, **body: Any) -> dict[str, Any]:
    """Starts an export or import and waits for its end."""
    answer = ask(house, path, **body)
    assert answer.status_code == 202, answer.text
    return house.end_of(answer.json()["id"])


def publish(house: House, artifact: Artifact) -> str:
    catalog = house.daemon.services.store.catalog
    catalog.stage(artifact.manifest, 1, "ann")
    return catalog.publish(artifact.manifest.digest, record_of(artifact.manifest), "ann").name


def facts(house: House, verb: str) -> list[Any]:
    return [entry.fact for entry in house.daemon.services.store.ledger.entries() if entry.fact.verb == verb]


@pytest.mark.parametrize("form", ["archive", "layout"])
def test_it_keeps_its_digest_and_its_proof(
    form: str, house: House, other_house: House, artifact: Artifact, tmp_path: Path
) -> None:
    name = publish(other_house, artifact)
    to = str(tmp_path / "moved")
    exported = moved(other_house, "/v1/exports", image=name, to=to, form=form)
    assert (exported["result"], exported["because"]) == ("SUCCEEDED", f"exported {name} to {to}")
    imported = moved(house, "/v1/imports", source=to, reason="from the other town")
    assert (imported["result"], imported["because"]) == ("SUCCEEDED", f"imported {name} as web/1")
    assert imported["frame"]["signed_by"] == [installation_key(other_house.home).public.id]
    detail = house.http.get("/v1/images/web/1").json()
    assert detail["image"]["digest"] == artifact.manifest.digest
    assert detail["boot_test"] == record_of(artifact.manifest).model_dump(mode="json")
    here = house.home.images / artifact.folder.name
    assert contents(here) == contents(artifact.folder)
    [fact] = facts(house, "image.import")
    assert fact.subject == f"web@{artifact.manifest.digest[7:19]}"
    assert (fact.details["source"], fact.details["name"], fact.reason) == (to, name, "from the other town")
    [fact] = facts(other_house, "image.export")
    assert (fact.subject, fact.details["to"]) == (name, to)


def test_it_gets_the_familys_next_number_here(house: House, artifact: Artifact, tmp_path: Path) -> None:
    house.publish("web", 1)
    house.publish("web", 2)
    done = moved(house, "/v1/imports", source=str(archive(artifact, tmp_path / "file")))
    assert done["because"] == f"imported {NAME} as web/3"
    assert house.http.get("/v1/families/web").json()["resolves_to"]["number"] == 3


def test_what_both_have_is_stored_once(home: Home, artifact: Artifact, tmp_path: Path) -> None:
    taken = take_in(home, archive(artifact, tmp_path / "file"))
    for name in ("vmlinuz", "layer-1.img"):
        blob = home.images / "blobs" / taken.manifest.files["kernel" if name == "vmlinuz" else "layer-1"].sha256
        assert (taken.folder / name).stat().st_ino == blob.stat().st_ino
    layer = next(path for path in (taken.oci / "blobs" / "sha256").iterdir() if path.stat().st_size == 3000)
    assert layer.stat().st_ino == (home.images / "blobs" / layer.name).stat().st_ino


def test_nobody_takes_files_away_while_an_image_enters(
    home: Home, artifact: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held: list[bool] = []

    def look(*_: object) -> bool:
        held.append(is_locked(home.build / ".entrance.lock"))
        return False

    monkeypatch.setattr(entering_module, "is_here", look)
    take_in(home, archive(artifact, tmp_path / "file"))
    assert held == [True]


def test_equal_images_are_equal_files(artifact: Artifact, home: Home, tmp_path: Path) -> None:
    one = archive(artifact, tmp_path / "one").read_bytes()
    again = make(home)
    for statement in artifact.folder.glob("*.dsse.json"):  # what is said of it is each installation's own
        (again.folder / statement.name).unlink()
        (again.folder / statement.name).write_bytes(statement.read_bytes())
    assert archive(again, tmp_path / "two").read_bytes() == one
    assert members(tmp_path / "one") == contents(layout(artifact, tmp_path / "folder"))
    assert len(one) % 10240 == 0


def test_an_image_that_is_here_already_changes_nothing(house: House, artifact: Artifact, tmp_path: Path) -> None:
    source = str(archive(artifact, tmp_path / "file"))
    moved(house, "/v1/imports", source=source)
    house.http.post("/v1/images/web/1/deprecate", json={"reason": "slow"})
    before, entries = contents(house.home.images), len(facts(house, "image.import"))
    done = moved(house, "/v1/imports", source=source)
    assert (done["result"], done["because"]) == ("SUCCEEDED", "nothing changed: this is web/1 (DEPRECATED)")
    assert contents(house.home.images) == before
    assert len(facts(house, "image.import")) == entries


def test_one_that_was_deleted_here_comes_back_under_a_new_number(
    house: House, artifact: Artifact, tmp_path: Path
) -> None:
    source = str(archive(artifact, tmp_path / "file"))
    moved(house, "/v1/imports", source=source)
    assert house.http.delete("/v1/images/web/1").status_code == 204
    assert moved(house, "/v1/imports", source=source)["because"] == f"imported {NAME} as web/2"


def test_one_that_was_revoked_here_stays_out(house: House, artifact: Artifact, tmp_path: Path) -> None:
    source = str(archive(artifact, tmp_path / "file"))
    moved(house, "/v1/imports", source=source)
    assert house.http.post("/v1/images/web/1/revoke", json={"reason": "a hole in it"}).status_code == 200
    assert house.http.delete("/v1/images/web/1").status_code == 204
    done = moved(house, "/v1/imports", source=source)
    assert (done["result"], "is revoked: a hole in it" in done["because"]) == ("FAILED", True), done["because"]
    assert not (house.home.images / artifact.folder.name).exists()


def test_files_that_were_lost_come_back(house: House, artifact: Artifact, tmp_path: Path) -> None:
    source = str(archive(artifact, tmp_path / "file"))
    moved(house, "/v1/imports", source=source)
    shutil.rmtree(house.home.images / artifact.folder.name)
    assert moved(house, "/v1/imports", source=source)["because"] == "mended the files of web/1"
    assert contents(house.home.images / artifact.folder.name) == contents(artifact.folder)


@pytest.mark.parametrize(
    "name", ["layer-1.img", "manifest.json", "oci/index.json", "boot-test.dsse.json", "provenance.dsse.json"]
)
@pytest.mark.parametrize("lost", [True, False], ids=["lost", "changed"])
def test_what_was_damaged_comes_back(name: str, lost: bool, house: House, artifact: Artifact, tmp_path: Path) -> None:
    source = str(archive(artifact, tmp_path / "file"))
    moved(house, "/v1/imports", source=source)
    file = house.home.images / artifact.folder.name / name
    if lost:
        file.unlink()
    else:
        file.chmod(0o644)
        with file.open("r+b") as handle:  # as all its links have it
            handle.seek(30)
            handle.write(b"#")
    assert moved(house, "/v1/imports", source=source)["because"] == "mended the files of web/1"
    assert contents(house.home.images / artifact.folder.name) == contents(artifact.folder)
    assert "nothing changed" in moved(house, "/v1/imports", source=source)["because"]


def test_only_what_was_signed_of_a_boot_test_is_on_record(house: House, artifact: Artifact, tmp_path: Path) -> None:
    more = {"inside": {"vm": Inside(listening=("tcp/31337",))}, "results": ("it is as it should be",), "seconds": 9.0}
    forged = record_of(artifact.manifest).model_copy(update=more)
    moved(house, "/v1/imports", source=str(archive(artifact, tmp_path / "file", forged)))
    catalog = house.daemon.services.store.catalog
    assert catalog.boot_test(artifact.manifest.digest) == record_of(artifact.manifest)


def test_one_without_a_boot_test_is_not_published(
    house: House, other_house: House, artifact: Artifact, tmp_path: Path
) -> None:
    staged = other_house.daemon.services.store.catalog.stage(artifact.manifest, 1, "ann")
    moved(other_house, "/v1/exports", image=staged.name, to=str(tmp_path / "file"))
    done = moved(house, "/v1/imports", source=str(tmp_path / "file"))
    assert done["result"] == "SUCCEEDED"
    assert done["because"].endswith("STAGED: it brings no boot test along, so it isn't published")
    [image] = house.daemon.services.store.catalog.list()
    assert (image.state, image.number) == (ImageState.STAGED, None)


def test_a_bad_file_is_refused_at_once_and_a_bad_byte_before_anything_enters(
    house: House, artifact: Artifact, tmp_path: Path
) -> None:
    good = archive(artifact, tmp_path / "file").read_bytes()
    (tmp_path / "short").write_bytes(good[: len(good) // 2])
    answer = ask(house, "/v1/imports", source=str(tmp_path / "short"))
    assert (answer.status_code, answer.json()["detail"]) == (
        409,
        f"{tmp_path / 'short'} is cut off after {len(good) // 2} bytes",
    )
    layer = (artifact.folder / "layer-1.img").read_bytes()
    place = good.index(layer[:64]) + 9
    (tmp_path / "bad").write_bytes(good[:place] + bytes([good[place] ^ 1]) + good[place + 1 :])
    done = moved(house, "/v1/imports", source=str(tmp_path / "bad"))
    assert done["result"] == "FAILED"
    assert "layer-1.img was changed" in done["because"]
    nothing_of_it(house)


def test_a_bad_byte_is_refused_also_when_the_image_is_here(house: House, artifact: Artifact, tmp_path: Path) -> None:
    good = archive(artifact, tmp_path / "file").read_bytes()
    moved(house, "/v1/imports", source=str(tmp_path / "file"))
    assert "nothing changed" in moved(house, "/v1/imports", source=str(tmp_path / "file"))["because"]
    place = good.index((artifact.folder / "layer-1.img").read_bytes()[:64]) + 9
    (tmp_path / "bad").write_bytes(good[:place] + bytes([good[place] ^ 1]) + good[place + 1 :])
    done = moved(house, "/v1/imports", source=str(tmp_path / "bad"))
    assert (done["result"], "layer-1.img was changed" in done["because"]) == ("FAILED", True)
    assert contents(house.home.images / artifact.folder.name) == contents(artifact.folder)
    assert [image.name for image in house.daemon.services.store.catalog.list()] == ["web/1"]


def nothing_of_it(house: House) -> None:
    """Neither catalog nor store nor any folder has heard of an image."""
    assert house.daemon.services.store.catalog.list(deleted=True) == []
    assert contents(house.home.images) == {}
    assert list((house.home.build / "work").iterdir()) == []


def test_a_strangers_signature_keeps_an_image_out_until_the_key_is_trusted(
    house: House, there: Home, artifact: Artifact, tmp_path: Path
) -> None:
    key = installation_key(there).public
    distrust(house.home, key.id)
    source = str(archive(artifact, tmp_path / "file"))
    done = moved(house, "/v1/imports", source=source)
    assert (done["result"], "which isn't trusted here" in done["because"]) == ("FAILED", True)
    assert "stoneware key trust" in done["because"]
    nothing_of_it(house)
    trust(house.home, key)
    assert moved(house, "/v1/imports", source=source)["frame"]["signed_by"] == [key.id]


@pytest.mark.parametrize("file", ["provenance.dsse.json", "boot-test.dsse.json"])
def test_an_image_that_nobody_vouches_for_is_kept_out(
    house: House, artifact: Artifact, tmp_path: Path, file: str
) -> None:
    (artifact.folder / file).unlink()
    done = moved(house, "/v1/imports", source=str(archive(artifact, tmp_path / "file")))
    assert (done["result"], f"{file} is missing" in done["because"]) == ("FAILED", True)
    nothing_of_it(house)


def test_a_disk_without_room_is_said_before_anything_is_written(
    house: House, artifact: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(entering_module, "SPARE_BYTES", 2**60)
    done = moved(house, "/v1/imports", source=str(archive(artifact, tmp_path / "file")))
    assert done["result"] == "FAILED"
    assert "MiB free, and this image needs" in done["because"]
    nothing_of_it(house)


@pytest.mark.host
def test_a_disk_that_becomes_full_meanwhile(house: House, artifact: Artifact, tmp_path: Path) -> None:
    work = house.home.build / "work"
    work.mkdir()
    run(["mount", "-t", "tmpfs", "-o", "size=96k", "tmpfs", work])
    try:
        done = moved(house, "/v1/imports", source=str(archive(artifact, tmp_path / "file")))
        assert done["result"] == "FAILED"
        assert "No space left on device (free some space" in done["because"]
        nothing_of_it(house)
    finally:
        run(["umount", work])


@pytest.mark.host
def test_a_target_that_becomes_full_meanwhile(other_house: House, artifact: Artifact, tmp_path: Path) -> None:
    name, small = publish(other_house, artifact), tmp_path / "small"
    small.mkdir()
    run(["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", small])
    try:
        (small / "ballast").write_bytes(bytes(200_000))
        done = moved(other_house, "/v1/exports", image=name, to=str(small / "layout"), form="layout")
        assert done["result"] == "SUCCEEDED"
        done = moved(other_house, "/v1/exports", image=name, to=str(small / "file"))
        assert (done["result"], "MiB free" in done["because"]) == ("FAILED", True)
        assert sorted(path.name for path in small.iterdir()) == ["ballast", "layout"]
    finally:
        run(["umount", small])


def test_an_abort_leaves_nothing(
    house: House, artifact: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = threading.Event()

    def slow(self: entering_module.Entering) -> None:
        begun.set()
        assert self.meter.cancelled.wait(30)

    monkeypatch.setattr(entering_module.Entering, "_require_room", slow)
    operation = ask(house, "/v1/imports", source=str(archive(artifact, tmp_path / "file"))).json()["id"]
    assert begun.wait(30)
    house.http.post(f"/v1/operations/{operation}/signals", json={"kind": "abort"})
    done = house.end_of(operation)
    assert (done["result"], done["because"]) == ("FAILED", "aborted by ann@host")
    nothing_of_it(house)


def test_a_bake_of_the_family_comes_first(idle: House, artifact: Artifact, tmp_path: Path) -> None:
    source = str(archive(artifact, tmp_path / "file"))
    first = ask(idle, "/v1/imports", source=source).json()["id"]
    answer = ask(idle, "/v1/imports", source=source)
    assert answer.status_code == 409
    assert answer.json()["detail"].startswith(f"{first} is under way for family:web")


@pytest.fixture
def idle(home: Home) -> Any:
    for house in open_house(home):
        house.daemon.services.worker.stop()
        yield house


def test_a_key_makes_a_repeated_request_the_same(idle: House, artifact: Artifact, tmp_path: Path) -> None:
    source = {"source": str(archive(artifact, tmp_path / "file"))}
    answers = [idle.http.post("/v1/imports", json=source, headers={"Idempotency-Key": "k"}) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [202, 202]
    assert answers[0].json()["id"] == answers[1].json()["id"]


def test_what_stands_there_is_replaced_only_with_force(other_house: House, artifact: Artifact, tmp_path: Path) -> None:
    name, to = publish(other_house, artifact), tmp_path / "file"
    to.write_text("precious")
    answer = ask(other_house, "/v1/exports", image=name, to=str(to))
    assert (answer.status_code, answer.json()["detail"]) == (409, f"{to} is there already")
    assert to.read_text() == "precious"
    assert moved(other_house, "/v1/exports", image=name, to=str(to), force=True)["result"] == "SUCCEEDED"
    assert "oci-layout" in members(to)
    assert to.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


@pytest.mark.parametrize("spoilt", ["layer-1.img", "vmlinuz", "initrd.img", "manifest.json"])
@pytest.mark.parametrize("form", ["archive", "layout", pytest.param("disk", marks=pytest.mark.host)])
def test_a_changed_image_is_not_exported(
    form: str, spoilt: str, other_house: House, artifact: Artifact, tmp_path: Path
) -> None:
    name = publish(other_house, artifact)
    file = artifact.folder / spoilt
    content = file.read_bytes()
    at = content.index(b"console=") if spoilt == "manifest.json" else 77
    before = {path.name for path in tmp_path.iterdir()}
    file.chmod(0o644)
    file.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
    done = moved(other_house, "/v1/exports", image=name, to=str(tmp_path / "out"), form=form)
    assert done["result"] == "FAILED"
    assert f"{file} was changed" in done["because"]
    assert {path.name for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize("place", ["stoneware.db", "images/x", "machines/../x"])
def test_the_daemons_own_folder_is_no_place(place: str, other_house: House, artifact: Artifact) -> None:
    name, root = publish(other_house, artifact), other_house.home.root
    answer = ask(other_house, "/v1/exports", image=name, to=f"{root}/{place}", force=True)
    assert (answer.status_code, "lies in the daemon's own folder" in answer.json()["detail"]) == (409, True)


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({"image": "web/9", "to": "/tmp/x"}, 404, "no image web/9"),
        ({"image": "web/1", "to": "/no/such/folder/x"}, 409, "there is no folder /no/such/folder"),
        ({"image": "web/1", "to": "/"}, 409, "there is no folder /"),
        ({"image": "web/1", "to": "/proc", "force": True}, 409, "/proc is no file that could be replaced"),
        ({"image": "web/1", "to": "/dev/null", "force": True}, 409, "/dev/null is no file that could be replaced"),
        ({"image": "web/1", "to": "/proc", "form": "layout", "force": True}, 409, "/proc is no OCI layout"),
        ({"image": "web/1", "to": "relative"}, 400, "it must match ^/"),
    ],
)
def test_places_that_do_not_do(
    body: dict[str, Any], status: int, said: str, other_house: House, artifact: Artifact
) -> None:
    publish(other_house, artifact)
    answer = ask(other_house, "/v1/exports", **body)
    assert answer.status_code == status
    assert said in answer.json()["detail"]
