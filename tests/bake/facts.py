"""Facts of a bake and of a boot test, for attestations."""

from __future__ import annotations

from stoneware.model.attestation import BootTestFacts, Material, ProvenanceFacts

IMAGE = "sha256:" + "ab" * 32
KEY = "12" * 32
KERNEL = Material(name="linux-image-6.1", uri="pkg:deb/debian/linux-image-6.1@6.1.1", digest={"sha256": "cd" * 32})

BAKED = ProvenanceFacts(
    family="critter-web",
    digest=IMAGE,
    files={"root.img": "01" * 32, "initrd.img": "02" * 32},
    containerfile="Containerfile",
    containerfile_sha256="03" * 32,
    repository="https://ann:secret@example.org/critters.git",
    commit="4" * 40,
    dirty=True,
    base="stoneware/debian:12",
    base_digest="sha256:" + "05" * 32,
    kernel=KERNEL,
    materials=(Material(name="data.tar", digest={"sha256": "06" * 32}),),
    deliver=("machine",),
    writable=("/var/lib/critters",),
    byproducts=(Material(name="sbom.json", digest={"sha256": "07" * 32}),),
    builder=KEY,
    stoneware_version="0.1.0",
    invocation="bake-7",
    started_at=1_700_000_000.75,
    finished_at=1_700_000_060.0,
)
TESTED = BootTestFacts(
    family="critter-web",
    digest=IMAGE,
    passed=True,
    tests=("http :80/ -> 200: it answers", "at most 0 failed units: none"),
    console_tail="login:\x1b[0m é\n",
    engine="qemu",
    builder=KEY,
    stoneware_version="0.1.0",
    invocation="bake-7",
    started_at=1_700_000_060,
    finished_at=1_700_000_070,
)
