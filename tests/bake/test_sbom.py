"""Bills of materials: valid CycloneDX, equal bytes for equal trees, every component once."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from tests.bake.trees import DEBIAN, component, inventory_of

from stoneware.bake.sbom import cyclonedx
from stoneware.model.component import BootComponent, Inventory

DIGEST = "sha256:" + "ab" * 32
EPOCH = 1_700_000_000


def sbom(inventory: Inventory, digest: str = DIGEST) -> bytes:
    return cyclonedx(inventory, family="critter-web", digest=digest, epoch=EPOCH)


def checked(document: bytes) -> dict[str, Any]:
    """The document, when CycloneDX's own schema has nothing against it."""
    wrong = JsonStrictValidator(SchemaVersion.V1_5).validate_str(document.decode())
    assert wrong is None, wrong
    found: dict[str, Any] = json.loads(document)
    return found


def lived_in(root: Path) -> Inventory:
    """The inventory of a tree with something of everything, good and bad."""
    return inventory_of(
        root,
        {
            "etc/os-release": DEBIAN,
            "var/lib/dpkg/status": "Package: libc6\nSource: glibc\nVersion: 2.36-9\nArchitecture: amd64\n\nPackage: X\n",
            "lib/apk/db/installed": "P:musl\nV:1.2\nA:x86_64\nL:MIT\n",
            "a/six.dist-info/METADATA": 'Name: six\nVersion: 1\nLicense: "MIT" <&> \u00e9\n',
            "b/six.dist-info/METADATA": "Name: six\nVersion: 1\n",
            "node_modules/@types/node/package.json": '{"name": "@types/node", "version": "1.0.0-a+b"}',
        },
    )


def test_the_schema_has_nothing_against_it(tmp_path: Path) -> None:
    inventory = lived_in(tmp_path)
    assert inventory.unread
    document = checked(sbom(inventory))
    assert (document["bomFormat"], document["specVersion"], document["version"]) == ("CycloneDX", "1.5", 1)
    assert document["metadata"]["timestamp"] == "2023-11-14T22:13:20Z"
    root = document["metadata"]["component"]
    assert (root["type"], root["name"], root["version"]) == ("operating-system", "critter-web", DIGEST)
    assert re.fullmatch(
        r"urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", document["serialNumber"]
    )


def test_the_validator_would_notice() -> None:
    wrong = sbom(Inventory(components=(component("bash"),))).replace(b'"type":"library"', b'"type":"book"')
    assert JsonStrictValidator(SchemaVersion.V1_5).validate_str(wrong.decode()) is not None


def test_every_component_is_there_once_with_a_reference_of_its_own(tmp_path: Path) -> None:
    inventory = lived_in(tmp_path)
    components = checked(sbom(inventory))["components"]
    assert [(one.get("group"), one["name"], one["version"]) for one in components] == [
        (None, "musl", "1.2"),
        (None, "libc6", "2.36-9"),
        ("@types", "node", "1.0.0-a+b"),
        (None, "six", "1"),
        (None, "six", "1"),
    ]
    assert [one["purl"] for one in components] == [one.purl for one in inventory.components]
    refs = [one["bom-ref"] for one in components]
    assert len(set(refs)) == len(refs)
    assert refs[1] == "pkg:deb/debian/libc6@2.36-9?arch=amd64&distro=debian-12"
    assert components[0]["licenses"] == [{"license": {"name": "MIT"}}]
    assert components[1]["properties"] == [{"name": "stoneware:source", "value": "glibc"}]
    assert components[3]["evidence"]["occurrences"] == [{"location": "a/six.dist-info/METADATA"}]


def test_a_list_that_isnt_whole_says_so(tmp_path: Path) -> None:
    inventory = lived_in(tmp_path)
    document = checked(sbom(inventory))
    assert document["compositions"][0]["aggregate"] == "incomplete"
    assert [one["value"] for one in document["metadata"]["properties"]] == list(inventory.unread)
    whole = checked(sbom(Inventory(components=inventory.components)))
    assert whole["compositions"][0]["aggregate"] == "unknown"
    assert "properties" not in whole["metadata"]


def test_equal_trees_give_equal_bytes_and_other_trees_other_serial_numbers(tmp_path: Path) -> None:
    first, second = lived_in(tmp_path / "1"), lived_in(tmp_path / "2")
    assert sbom(first) == sbom(second)
    serials = {json.loads(sbom(first, digest))["serialNumber"] for digest in (DIGEST, "sha256:" + "cd" * 32)}
    assert len(serials) == 2


def test_a_tree_without_packages_has_a_bill_too() -> None:
    assert checked(sbom(Inventory()))["components"] == []


def test_what_starts_a_machine_is_listed_with_its_supplier_apart_from_the_tree(tmp_path: Path) -> None:
    kernel = component("linux-image-6.1.0-40-cloud-amd64", "6.1.153-1").model_copy(update={"path": "vmlinuz"})
    busybox = component("busybox-static").model_copy(update={"path": "initrd.img"})
    inventory = Inventory(components=(component("busybox-static"),))
    boot = [BootComponent(component=one, supplier="Debian") for one in (kernel, busybox)]
    document = cyclonedx(inventory, family="web", digest=DIGEST, epoch=EPOCH, boot=boot)
    found = checked(document)["components"]
    assert [(one["type"], one["name"], one["evidence"]["occurrences"][0]["location"]) for one in found] == [
        ("library", "busybox-static", "var/lib/dpkg/status"),
        ("operating-system", "linux-image-6.1.0-40-cloud-amd64", "vmlinuz"),
        ("library", "busybox-static", "initrd.img"),
    ]
    assert [one.get("supplier") for one in found] == [None, {"name": "Debian"}, {"name": "Debian"}]
    other = cyclonedx(inventory, family="web", digest=DIGEST, epoch=EPOCH, boot=boot[:1])
    assert json.loads(other)["serialNumber"] != json.loads(document)["serialNumber"]
