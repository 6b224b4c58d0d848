"""Tools that know OCI layouts know ours: they copy the whole image, and run the container in it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.moving.small import NAME, contents, layout, make, take_in

from stoneware.host.home import Home
from stoneware.host.run import run
from stoneware.model.image import Artifact
from stoneware.moving.documents import ARTIFACT, CONFIG, ORIGINAL, TITLE
from stoneware.operations.importing import look

pytestmark = pytest.mark.host


def document(place: Path) -> bytes:
    """The artifact's manifest in a layout."""
    digest = json.loads((place / "index.json").read_bytes())["manifests"][0]["digest"]
    return (place / "blobs" / "sha256" / digest.removeprefix("sha256:")).read_bytes()


def test_a_copy_is_the_same_image(there: Home, home: Home, tmp_path: Path) -> None:
    artifact = make(there, container=False)
    here, copy = layout(artifact, tmp_path / "a"), tmp_path / "b"
    run(["skopeo", "copy", f"oci:{here}", f"oci:{copy}"])
    assert document(copy) == document(here)
    inside = json.loads(document(copy))
    assert (inside["artifactType"], inside["annotations"][ORIGINAL]) == (ARTIFACT, NAME)
    assert inside["config"]["mediaType"] == CONFIG
    assert f"sha256:{artifact.folder.name}" == inside["config"]["digest"]
    assert [one["annotations"][TITLE] for one in inside["layers"]][-2:] == ["provenance.dsse.json", "boot-test.json"]
    offer = look(copy)
    assert (offer.original, offer.record is not None) == (NAME, True)
    assert contents(take_in(home, copy).folder) == contents(artifact.folder)


def test_its_container_comes_along_and_runs_as_any_other(home: Home, artifact: Artifact, tmp_path: Path) -> None:
    here, copy, file = layout(artifact, tmp_path / "a"), tmp_path / "b", tmp_path / "file"
    shown = json.loads(run(["skopeo", "inspect", f"oci:{here}:container"]).stdout)
    assert (shown["Digest"], shown["Os"]) == (artifact.manifest.container, "linux")
    run(["skopeo", "copy", f"oci:{here}:image", f"oci:{copy}:any-name"])
    taken = take_in(home, copy)
    assert contents(taken.folder) == contents(artifact.folder)
    assert json.loads(run(["skopeo", "inspect", f"oci:{taken.oci}"]).stdout)["Digest"] == artifact.manifest.container
    run(["skopeo", "copy", f"oci:{here}:image", f"oci-archive:{file}:any-name"])
    assert look(file).manifest == artifact.manifest
