"""Without any registry: the product makes the builder for docker itself, and a cloudbuild.yaml of Google's runs on it as it is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.support.town import Town

BUILD = """
steps:
- name: gcr.io/cloud-builders/docker
  args: [build, --tag, "localhost/said:$_VERSION", .]
- name: localhost/said:$_VERSION
  args: [-c, 'cat /word /workspace/word']
- name: gcr.io/cloud-builders/docker
  args: [run, --rm, "localhost/said:$_VERSION", -c, 'echo from a container of docker']
substitutions: {_VERSION: '1'}
images: ["localhost/said:$_VERSION"]
"""
CONTAINERFILE = """
FROM localhost/stoneware/builder-docker
COPY word /word
ENTRYPOINT ["sh"]
"""


@pytest.fixture
def town(container_town: Town) -> Town:
    return container_town


@pytest.mark.host
@pytest.mark.thorough
def test_docker_builds_without_a_registry(town: Town, tmp_path: Path) -> None:
    made = town.cli("builder", "build", "docker")
    assert "docker is in the builds' store" in made.stdout
    known = {one["name"]: one["image"] for one in town.json("builder", "list") if "image" in one}
    assert known["gcr.io/cloud-builders/docker"].startswith("localhost/stoneware/builder-docker")
    folder = tmp_path / "app"
    folder.mkdir()
    (folder / "cloudbuild.yaml").write_text(BUILD)
    (folder / "Containerfile").write_text(CONTAINERFILE)
    (folder / "word").write_text("hello\n")
    refused = town.cli("build", str(folder), "--network", "none", ok=(1,))
    assert "needs docker" in refused.stderr and "--allow" in refused.stderr
    ended = town.cli("build", str(folder), "--allow", "docker", "--network", "none")
    printed = ended.stdout
    assert printed.count("Step #1: hello") == 2, printed
    assert "Step #2: from a container of docker" in printed
    [build] = [one for one in json.loads(town.cli("build", "list", "--json").stdout) if one["status"] == "SUCCESS"]
    assert [step["status"] for step in build["steps"]] == ["SUCCESS"] * 3
