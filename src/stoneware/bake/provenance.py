"""How an image came to be, and how it was tested, as statements that others can check.

The provenance is SLSA's, version 1 (https://slsa.dev/spec/v1.0/provenance); the boot test has a form of our own.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from stoneware.bake.repository import git_uri
from stoneware.errors import Refused
from stoneware.model.attestation import (
    BAKE,
    BOOT_TEST,
    PROVENANCE,
    STATEMENT,
    BootTestFacts,
    Material,
    ProvenanceFacts,
    Statement,
    Subject,
)
from stoneware.model.image import BootTestRecord


def provenance(facts: ProvenanceFacts) -> Statement:
    """The statement about an image and each of its files: what it was made of, with which parameters, by whom and when."""
    parameters = {
        **facts.parameters,
        "family": facts.family,
        "recipe": facts.containerfile,
        "base": facts.base,
        "deliver": list(facts.deliver),
        "writable": list(facts.writable),
    }
    files = [Subject(name=name, digest={"sha256": sha256}) for name, sha256 in sorted(facts.files.items())]
    return Statement(
        _type=STATEMENT,
        subject=(_image(facts.family, facts.digest), *files),
        predicateType=PROVENANCE,
        predicate={
            "buildDefinition": {
                "buildType": BAKE,
                "externalParameters": parameters,
                "resolvedDependencies": [_described(one) for one in _dependencies(facts)],
            },
            "runDetails": {
                "builder": _builder(facts),
                "metadata": {
                    "invocationId": facts.invocation,
                    "startedOn": _time(facts.started_at),
                    "finishedOn": _time(facts.finished_at),
                },
                "byproducts": [_described(one) for one in facts.byproducts],
            },
        },
    )


def boot_test(facts: BootTestFacts) -> Statement:
    """The statement that this very digest was started, what it answered, and what its machines were like then."""
    inside = {delivery: seen.model_dump(mode="json") for delivery, seen in sorted(facts.inside.items())}
    return Statement(
        _type=STATEMENT,
        subject=(_image(facts.family, facts.digest),),
        predicateType=BOOT_TEST,
        predicate={
            "result": "PASSED" if facts.passed else "FAILED",
            "tests": list(facts.tests),
            "engine": facts.engine,
            "consoleTail": facts.console_tail,
            **({"inside": inside} if inside else {}),
            "tester": _builder(facts),
            "invocationId": facts.invocation,
            "startedOn": _time(facts.started_at),
            "finishedOn": _time(facts.finished_at),
            "startedAt": facts.started_at,
            "seconds": round(max(0.0, facts.finished_at - facts.started_at), 3),
        },
    )


def record_in(statement: Statement, digest: str) -> BootTestRecord:
    """The record of a boot test, from what is stated of it and nothing else: `boot_test` the other way round. One that an earlier
    Stoneware stated has its times in whole seconds. Raises Refused when it isn't of the form that we write."""
    said = statement.predicate
    try:
        began = said["startedAt"] if "startedAt" in said else _moment(said["startedOn"])
        seconds = said["seconds"] if "seconds" in said else _moment(said["finishedOn"]) - began
        return BootTestRecord(
            digest=digest,
            passed=said["result"] == "PASSED",
            started_at=began,
            seconds=seconds,
            results=said["tests"],
            console_tail=said["consoleTail"],
            inside=said.get("inside", {}),
        )
    except (KeyError, TypeError, ValueError) as odd:  # pydantic's ValidationError is a ValueError
        raise Refused(
            f"image {digest[:19]}: what is stated of its boot test can't be read",
            "bake it again, or export it where it was baked",
            code="signature-invalid",
        ) from odd


def _dependencies(facts: ProvenanceFacts) -> list[Material]:
    """Recipe, commit, base, kernel, and the rest, in this order."""
    found = [Material(name=facts.containerfile, digest={"sha256": facts.containerfile_sha256})]
    if facts.commit:
        # the commit says what the files are only when none of them was changed since
        changed = {"dirty": "true"} if facts.dirty else {}
        uri = git_uri(facts.repository, facts.commit)
        found.append(Material(name="recipe", uri=uri, digest={"gitCommit": facts.commit}, annotations=changed))
    if facts.base_digest:
        found.append(Material(name=facts.base, digest={"sha256": facts.base_digest.removeprefix("sha256:")}))
    return [*found, *([facts.kernel] if facts.kernel else []), *facts.materials]


def _image(family: str, digest: str) -> Subject:
    return Subject(name=family, digest={"sha256": digest.removeprefix("sha256:")})


def _builder(facts: ProvenanceFacts | BootTestFacts) -> dict[str, Any]:
    return {"id": f"urn:stoneware:installation:{facts.builder}", "version": {"stoneware": facts.stoneware_version}}


def _described(material: Material) -> dict[str, Any]:
    """Empty fields aren't written: in-toto tells what is unknown from what is empty."""
    return {key: value for key, value in material.model_dump().items() if value}


def _moment(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
