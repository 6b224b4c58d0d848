"""Drift over the API and on the command line: the same verdict, an exit code for scripts, JSON that stays as it is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from click.testing import CliRunner, Result
from tests.api.house import House

from stoneware.cli import drift as module
from stoneware.cli import options
from stoneware.cli.main import cli
from stoneware.operations.image_files import ImageFiles
from stoneware.store.tables import releases

KEYS = {
    "deployment",
    "kind",
    "view",
    "severity",
    "subject",
    "where",
    "expected",
    "found",
    "since",
    "remedy",
    "policy",
    "ignored",
    "lapsed",
    "made_at",
}
REPORT = {"deployment", "release", "checked_at", "seconds", "machines", "drifts", "notes", "quarantined", "whole"}
NAME = "town-web-r1-0"


@pytest.fixture
def guarded(house: House) -> House:
    """A deployment at rest. Its image was never baked: nothing of it is stored."""
    drift = house.daemon.services.drift
    drift.gathering.files = ImageFiles(None, lambda _: "", drift.clock)
    drift.sleep = lambda _: None
    house.deployed()
    return house


@pytest.fixture
def call(guarded: House, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The command line, in front of the same daemon."""

    class Client:
        def get(self, path: str, **query: Any) -> Any:
            return guarded.http.get(path, params={k: v for k, v in query.items() if v is not None}).json()

        def post(self, path: str, body: Any, limit_s: float | None = None) -> Any:
            return guarded.http.post(path, json=body).json()

        def delete(self, path: str, **query: Any) -> Any:
            return guarded.http.delete(path, params=query).json()

    monkeypatch.setattr(options, "client", Client)

    def run(*words: str) -> Result:
        return CliRunner().invoke(cli, list(words))

    yield run


def check(house: House) -> dict[str, Any]:
    answer = house.http.post("/v1/deployments/town/drift")
    assert answer.status_code == 200, answer.text
    report: dict[str, Any] = answer.json()
    return report


def test_nothing_differs_and_the_report_says_who_was_asked(guarded: House) -> None:
    before = guarded.http.get("/v1/deployments/town/drift").json()
    assert (before["checked_at"], before["drifts"]) == (None, [])
    report = check(guarded)
    assert set(report) == REPORT
    assert (report["drifts"], report["machines"], report["release"]) == ([], 2, 1)
    assert guarded.http.get("/v1/deployments/town/drift").json() == report
    assert guarded.status()["drift"] == report


def test_a_difference_has_all_that_one_must_know(guarded: House) -> None:
    guarded.engine.edit_machine(NAME, memory_bytes=2**32)
    [drift] = check(guarded)["drifts"]
    assert set(drift) == KEYS
    assert (drift["kind"], drift["subject"], drift["policy"]) == ("machine.size", NAME, "report")
    assert (drift["expected"], drift["found"]) == ("1 cpus, 512MiB memory", "1 cpus, 4GiB memory")
    assert guarded.http.get("/v1/drift").json()[0]["drifts"] == [drift]


def test_a_deployment_that_there_is_not(guarded: House) -> None:
    for method in ("GET", "POST"):
        assert guarded.http.request(method, "/v1/deployments/nowhere/drift").status_code == 404
    assert guarded.http.delete("/v1/quarantine/nobody").status_code == 404


def test_exit_codes_tell_scripts(call: Any, guarded: House) -> None:
    done = call("drift")
    assert (done.exit_code, done.output.partition(" (")[0]) == (
        0,
        "town: no differences from release 1 in what could be compared",
    )
    guarded.engine.edit_machine(NAME, memory_bytes=2**32)
    for words in (("drift",), ("drift", "town"), ("drift", "--last"), ("drift", "town", "--json")):
        assert call(*words).exit_code == module.DRIFTED == 4, words
    [report] = json.loads(call("drift", "town", "--json").output)
    assert [one["kind"] for one in report["drifts"]] == ["machine.size"]
    said = call("drift", "town").output
    assert f"!  machine.size {NAME}" in said
    assert "found:    1 cpus, 4GiB memory" in said
    assert f"remedy:   make {NAME} anew from its image" in said
    assert f"drift: machine.size {NAME}" in call("status", "town").output


def test_a_watch_says_what_begins_and_what_ends(call: Any, guarded: House, monkeypatch: pytest.MonkeyPatch) -> None:
    turns = iter(
        [
            lambda: guarded.engine.edit_machine(NAME, memory_bytes=2**32),
            lambda: guarded.engine.edit_machine(NAME, memory_bytes=2**29),
        ]
    )

    def go_on(_: float) -> None:
        next(turns, stop)()
        check(guarded)

    def stop() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(module.time, "sleep", go_on)
    done = call("drift", "--watch", "--json")
    lines = [json.loads(line) for line in done.output.splitlines()]
    assert [(one["event"], one["drift"]["kind"]) for one in lines] == [
        ("begin", "machine.size"),
        ("end", "machine.size"),
    ]
    assert done.exit_code == 4


def test_a_release_whose_row_was_edited_is_shown_as_it_was_and_whoever_asks_is_told(guarded: House, call: Any) -> None:
    services = guarded.daemon.services
    with services.store.db.begin() as conn:
        body = conn.scalar(sa.select(releases.c.body))
        body["groups"]["web"]["spec"]["config"] = {"DEBUG": "1"}
        conn.execute(releases.update().values(body=json.loads(json.dumps(body))))
    shown = guarded.http.get("/v1/deployments/town/releases/1").json()
    assert shown["altered"] == ["groups.web.spec.config.DEBUG"]
    assert "DEBUG" not in shown["groups"]["web"]["spec"]["config"]
    said = call("release", "show", "town", "1").output
    assert "somebody edited its row in the database, which says otherwise of groups.web.spec.config.DEBUG" in said
    assert guarded.http.post("/v1/deployments/town/drift").json()["drifts"][0]["kind"] == "release.changed"
    guarded.daemon.reconcile.run()
    told = guarded.http.get("/v1/explanations/town").json()
    assert (told["well"], told["next_step"]) == (
        False,
        "`stoneware drift town` says what differs, and what is done about it",
    )
