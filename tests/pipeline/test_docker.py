"""Steps that work with docker, and names that stand for other images."""

from __future__ import annotations

import socket
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from tests.pipeline.conftest import Shop
from tests.support.building import spec, step
from tests.support.step_image import IMAGE

from stoneware.model.build import BuildStatus, BuildView, Source
from stoneware.pipeline.builders import Builders, is_short

pytestmark = pytest.mark.host
DOCKER = "gcr.io/cloud-builders/docker"


def test_a_docker_step_has_an_api_of_its_own_that_ends_with_the_build(shop: Shop) -> None:
    builders = Builders(shop.home.builds / "builders.json")
    builders.map(DOCKER, IMAGE)
    look = "[ -S /var/run/docker.sock ] && echo a socket; echo up; while [ ! -e /workspace/go ]; do sleep 0.05; done"
    words = ("-c", look)
    build = shop.begin(
        spec(
            step("with", image=f"{DOCKER}:latest", entrypoint="sh", args=words),
            step("without", "ls /var/run/ | grep dock || echo no socket"),
        ),
        allowed=("docker",),
    )
    shop.wait_for_log(build, "up")
    path = shop.podman.run_folder / "builds" / f"{build}.sock"
    assert b"200 OK" in _ask(path)
    (shop.home.builds / build / "workspace" / "go").touch()
    view = shop.wait(build)
    assert view.status is BuildStatus.SUCCESS, shop.log(build)
    assert "a socket" in shop.log(build) and "no socket" in shop.log(build)
    assert not path.exists()
    assert shop.daemon.services.building.show(build).status is BuildStatus.SUCCESS


def test_what_docker_makes_belongs_to_its_repository_and_ends_with_the_build(shop: Shop, tmp_path: Path) -> None:
    Builders(shop.home.builds / "builders.json").map(DOCKER, IMAGE)
    other = tmp_path / "other"
    other.mkdir()
    before = shop.podman.run("image", "inspect", "--format", "{{.Id}}", IMAGE).strip()
    mine = _begin(shop, shop.folder, "localhost/made:1")
    with _docker(shop, mine) as docker:
        wanted = {"Image": IMAGE, "Cmd": ["sleep", "600"], "name": "left"}
        made = _asked(docker.post("/containers/create", json=wanted, params={"name": "left"})).json()["Id"]
        for name in ("made", "steps"):  # the second is the name of an image that all builds have
            words = {"container": made, "repo": f"localhost/{name}", "tag": "1"}
            _asked(docker.post("/commit", json={}, params=words))
        _asked(docker.post(f"/containers/{made}/start"))
        left = shop.podman.annex((shop.home.builds / mine / "annex").read_text()).containers(["left"])["left"]
        assert left.running
    assert _ends(shop, mine).status is BuildStatus.SUCCESS
    assert not left.running
    theirs = _begin(shop, other, "localhost/made:1")
    with _docker(shop, theirs) as docker:
        names = {name for image in _asked(docker.get("/images/json")).json() for name in image.get("RepoTags") or ()}
        assert IMAGE in names and "localhost/made:1" not in names
        assert _asked(docker.get(f"/images/{IMAGE}/json")).json()["Id"].endswith(before)
    view = _ends(shop, theirs)
    assert view.status is BuildStatus.FAILURE and "no step has made the image localhost/made:1" in view.because
    again = shop.run(spec(step("it is there", image="localhost/made:1", script="true")), allowed=("docker",))
    assert again.status is BuildStatus.SUCCESS, shop.log(again.id)
    assert shop.run(spec(step("but not here", image="localhost/made:1", script="true"))).status is BuildStatus.FAILURE
    builds = shop.daemon.build_prune
    assert {mine, again.id} <= {*replace(builds, kept=0).run()}
    assert not [*(shop.podman.folder / "annexes").iterdir()]


def _begin(shop: Shop, folder: Path, image: str) -> str:
    """A build that waits for a file in its workspace, with docker."""
    script = "echo up; while [ ! -e /workspace/go ]; do sleep 0.05; done"
    steps = step("with", image=DOCKER, entrypoint="sh", args=("-c", script))
    build = shop.begin(spec(steps, images=(image,)), allowed=("docker",), source=Source(folder=str(folder)))
    shop.wait_for_log(build, "up")
    return build


def _ends(shop: Shop, build: str) -> BuildView:
    (shop.home.builds / build / "workspace" / "go").touch()
    return shop.wait(build)


def _docker(shop: Shop, build: str) -> httpx.Client:
    path = shop.podman.run_folder / "builds" / f"{build}.sock"
    return httpx.Client(transport=httpx.HTTPTransport(uds=str(path)), base_url="http://d/v1.41", timeout=60)


def _asked(answer: httpx.Response) -> httpx.Response:
    assert answer.is_success, answer.text
    return answer


def _ask(path: Path) -> bytes:
    with socket.socket(socket.AF_UNIX) as line:
        line.settimeout(20)
        line.connect(str(path))
        line.sendall(b"GET /_ping HTTP/1.0\r\nHost: d\r\n\r\n")
        return line.recv(4096)


def test_a_name_without_a_tag_stands_for_all_of_its_tags(tmp_path: Path) -> None:
    builders = Builders(tmp_path / "builders.json")
    builders.map("gcr.io/cloud-builders/npm", "node")
    builders.map("gcr.io/cloud-builders/npm:old", "node-old")
    assert builders.resolve("gcr.io/cloud-builders/npm:node-20") == "node"
    assert builders.resolve("gcr.io/cloud-builders/npm:old") == "node-old"
    builders.unmap("gcr.io/cloud-builders/npm")
    assert builders.resolve("gcr.io/cloud-builders/npm") == "gcr.io/cloud-builders/npm"
    assert [name for name in ("alpine", "a/b:1", "host:5000/a", "localhost/a", "docker.io/a") if is_short(name)] == [
        "alpine",
        "a/b:1",
    ]
