"""The OpenAPI document is the contract: whatever it allows or forbids to send, the answer is as it says.

Schemathesis makes requests from the document, good ones and bad ones; each is sent again with the names of things that
exist. All of it happens in the test's process, and the worker rests: nothing is baked or rolled out.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis import checks
from tests.api.conftest import IN_MEMORY
from tests.api.house import ACTOR, House, TestClient, declaration

from stoneware.api import operations
from stoneware.api.app import make_app
from stoneware.api.problems import MEDIA
from stoneware.api.services import Services
from stoneware.clock import SystemClock
from stoneware.daemon import build
from stoneware.host.home import Home

EXAMPLES = 8
APP = make_app(cast(Services, None))
"""The contract stands before there is a daemon; `lived_in` puts one behind it."""

api = schemathesis.openapi.from_asgi("/openapi.json", APP)

KNOWN = {
    "/v1/images": {"ref": "web/1", "family": "web", "number": 1},
    "/v1/families": {"name": "web"},
    "/v1/deployments": {"name": "town", "number": 1},
    "/v1/operations": {"identity": "rollout-1"},
    "/v1/machines": {"name": "town-web-r1-0"},
    "/v1/disks": {"name": "town-web-data-0"},
    "/v1/secrets": {"name": "db-password"},
    "/v1/promotions": {"identity": "promotion-1"},
    "/v1/roles": {"role": "release-manager"},
    "/v1/keys": {"identity": "3f9a" * 16},
    "/problems": {"kind": "conflict"},
}
"""Names of what there is, by the path that they stand in."""
ACTOR_COUNTS = (
    "/v1/image-prune",
    "/v1/secrets/{name}",
    "/v1/roles/{role}",
    "/v1/builders/map",
    "/v1/builders/unmap",
    "/v1/builders/build",
)
JUDGED_LATER = ("/v1/builds", "/v1/triggers/{name}")


@pytest.fixture(scope="module")
def lived_in() -> Iterator[House]:
    """A daemon with a past: two images, a deployment, disks, and an operation that is under way for ever."""
    with tempfile.TemporaryDirectory(dir=IN_MEMORY if IN_MEMORY.is_dir() else None, prefix="stoneware-") as name:
        daemon = build(Home(Path(name)), SystemClock())
        APP.state.services = daemon.services
        with TestClient(APP, headers=ACTOR, raise_server_exceptions=False) as http:
            house = House(daemon.services.home, daemon, http)
            house.engine.boot_seconds = 0.05
            house.publish()
            daemon.services.worker.start()
            house.deployed(declaration(disk=True))
            daemon.services.worker.stop()
            house.publish(version=2)
            house.deploy(declaration(disk=True))
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(operations, "LONGEST_STREAM_S", 0.05)
                yield house
        daemon.services.store.close()


@api.parametrize()
@settings(max_examples=EXAMPLES, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
def test_every_answer_is_as_documented(case: schemathesis.Case, lived_in: House) -> None:
    case.call_and_validate(headers=ACTOR, excluded_checks=list(out_of_reach(case)))
    name_what_exists(case)
    case.call_and_validate(headers=ACTOR, excluded_checks=list(out_of_reach(case, renamed=True)))


def name_what_exists(case: schemathesis.Case) -> None:
    """Puts known names in the place of invented ones, and a declaration in the place of nonsense."""
    [known] = [names for path, names in KNOWN.items() if case.path.startswith(path)] or [{}]
    case.path_parameters = {name: known.get(name, given) for name, given in (case.path_parameters or {}).items()}
    if isinstance(case.body, dict) and "text" in case.body:
        case.body = {**case.body, "text": declaration(disk=True)}


def out_of_reach(case: schemathesis.Case, renamed: bool = False) -> Iterator[Any]:
    """Rules that a schema can't know all about."""
    if renamed:
        yield checks.negative_data_rejection  # it may be good now
    if case.path in ACTOR_COUNTS:
        yield checks.negative_data_rejection  # with the actor that takes the place of an invented one, it is good
    if case.path in JUDGED_LATER:
        yield checks.positive_data_acceptance  # what a source, a pattern or an address means is judged when it is looked at
    if "text" in str(case.body) or "pem" in str(case.body) or "If-Match" in (case.headers or {}):
        yield checks.positive_data_acceptance  # what a text, a key or a condition means is judged when it is read
    if case.path.startswith("/v1/images/"):
        # a reference may have a slash, so that one path is two in the document
        yield from (checks.allow_header_conformance, checks.unsupported_method)


def test_every_operation_documents_its_problems_and_says_what_it_is_for() -> None:
    document = APP.openapi()
    described = [
        (operation["description"], operation["responses"]["default"]["content"])
        for methods in document["paths"].values()
        for operation in methods.values()
    ]
    assert all(description for description, _ in described)
    assert {str(content) for _, content in described} == {
        str({MEDIA: {"schema": {"$ref": "#/components/schemas/Problem"}}})
    }
    assert set(document["components"]["schemas"]["Problem"]["required"]) >= {"type", "title", "status", "detail"}
