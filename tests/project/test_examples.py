"""The example is good as it stands, at both of its versions, and what the demo promises in words is what it declares."""

from __future__ import annotations

from pathlib import Path

import pytest
from demo.report import Report, table
from demo.stage import FOR_CONTAINERS
from demo.story import DEPLOYMENT, SERVICE
from tests.support.foundry import Foundry

from stoneware.spec.load import load


@pytest.mark.parametrize("version", [1, 2])
def test_the_example_is_good(version: int, tmp_path: Path) -> None:
    folder = Foundry(tmp_path).recipe(version)
    document = load(folder).document
    deployment = document.deployments[DEPLOYMENT]
    assert deployment.services["play"].listen == SERVICE
    group = deployment.groups["web"]
    said = f"bake time {group.rollout.bake_time:g} s, drain {group.rollout.drain:g} s"
    assert said in table(Report(), "qemu")
    assert f"health window {group.health.healthy_for:g} s" in table(Report(), "qemu")
    assert group.size >= 2


def test_what_the_demo_changes_for_containers_stands_in_the_example(tmp_path: Path) -> None:
    for version in (1, 2):
        text = (Foundry(tmp_path / str(version)).recipe(version) / "stoneware.yaml").read_text()
        assert [asked for asked in FOR_CONTAINERS if text.count(asked) != 1] == []
    for words in (FOR_CONTAINERS["bake_time: 5s"], FOR_CONTAINERS["healthy_for: 3s"]):
        _, _, span = words.partition(": ")
        assert f"{span.removesuffix('s')} s" in table(Report(), "container")
