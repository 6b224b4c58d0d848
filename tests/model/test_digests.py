"""Digests, hashes and fingerprints: equal content gives equal ones, and every difference that counts gives another."""

from __future__ import annotations

from typing import Any

import pytest

from stoneware.model.deployment import GroupSpec
from stoneware.model.image import Image, Manifest, Recipe, SealedFile, StateSchema, Verity
from stoneware.model.ledger import Fact, entry_hash
from stoneware.model.release import content_of

MANIFEST = Manifest(
    family="web",
    epoch=1,
    files={"layer-0": SealedFile(name="layer-0.img", sha256="00", size_bytes=1)},
    tree="sha256:" + "0" * 64,
    layers=(Verity(root_hash="0" * 64, salt="-", data_blocks=1, hash_start_block=1),),
    kernel_version="6.1",
    cmdline="quiet",
    init="/sbin/init",
    recipe=Recipe(containerfile="Containerfile", containerfile_sha256="00"),
)
GROUP: dict[str, Any] = {"image": "web", "health": {"tcp": {"port": 80}}}


SEALED_BEFORE = "sha256:972fe40a10aeccd3ed8459726da9fd4d7689b13ae2f56a09c376b1f1d6f517b0"
"""The digest that MANIFEST had when a manifest knew nothing of schemas."""


def test_an_image_that_was_sealed_before_there_were_schemas_keeps_its_digest() -> None:
    assert MANIFEST.digest == SEALED_BEFORE
    said = MANIFEST.model_copy(update={"state_schema": StateSchema(reads=(2, 1), writes=2)})
    assert said.digest != MANIFEST.digest
    assert Manifest.model_validate_json(said.canonical()) == said


def test_a_manifest_keeps_its_digest_on_the_way_to_json_and_back() -> None:
    again = Manifest.model_validate_json(MANIFEST.canonical())
    assert (again, again.digest) == (MANIFEST, MANIFEST.digest)
    assert MANIFEST.digest.startswith("sha256:")
    assert len(MANIFEST.digest) == 71


@pytest.mark.parametrize(
    "change", [{"family": "api"}, {"epoch": 2}, {"cmdline": ""}, {"writable": ("/srv",)}, {"files": {}}]
)
def test_another_manifest_has_another_digest(change: dict[str, Any]) -> None:
    assert MANIFEST.model_copy(update=change).digest != MANIFEST.digest


def test_an_image_is_called_by_its_digest_until_it_has_a_number() -> None:
    image = Image(digest=f"sha256:{'3f9a' * 16}", family="web", created_at=0, state_at=0)
    assert image.name == "web@3f9a3f9a3f9a"
    assert image.model_copy(update={"number": 2}).name == "web/2"


def test_a_ledger_hash_covers_everything_of_its_entry() -> None:
    fact = Fact(verb="image.publish", subject="web/1", actor="ann", reason="why", details={"a": "b"})
    others = [
        fact.model_copy(update=change)
        for change in (
            {"verb": "x"},
            {"subject": "x"},
            {"actor": "x"},
            {"reason": "x"},
            {"details": {"a": "x"}},
            {"details": {}},
        )
    ]
    hashes = [entry_hash(1, 2.0, one, "p") for one in (fact, *others)]
    hashes += [entry_hash(2, 2.0, fact, "p"), entry_hash(1, 3.0, fact, "p"), entry_hash(1, 2.0, fact, "q")]
    assert len(set(hashes)) == len(hashes)
    assert entry_hash(1, 2.0, fact, "p") == hashes[0]


def content(**change: Any) -> str:
    return content_of(GroupSpec.model_validate({**GROUP, **change}), "sha256:1", (80,))


@pytest.mark.parametrize(
    "change",
    [{"size": 9}, {"health": {"tcp": {"port": 81}}}, {"rollout": {"drain": "1s"}}, {"image": "web/7"}, {"config": {}}],
)
def test_how_many_and_how_judged_is_not_what_a_machine_is_made_of(change: dict[str, Any]) -> None:
    assert content(**change) == content()


@pytest.mark.parametrize(
    "change",
    [
        {"machine": {"cpus": 2}},
        {"machine": {"memory": "1GiB"}},
        {"config": {"A": "1"}},
        {"disks": {"data": {"size": "1GiB", "mount": "/srv"}}},
    ],
)
def test_shape_configuration_and_disks_are(change: dict[str, Any]) -> None:
    assert content(**change) != content()


def test_so_are_digest_and_ports() -> None:
    group = GroupSpec.model_validate(GROUP)
    seen = {content_of(group, digest, ports) for digest in ("sha256:1", "sha256:2") for ports in ((80,), (80, 81))}
    assert len(seen) == 4
