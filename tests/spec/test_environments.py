"""Environments over a deployment, and the gates between them: what comes out, and what is refused with its line."""

from __future__ import annotations

from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from tests.spec.documents import said

from stoneware.model.environment import Environment
from stoneware.spec.environments import targets
from stoneware.spec.explain import explain
from stoneware.spec.load import parse
from stoneware.spec.schema import json_schema
from stoneware.spec.yaml_lines import read_yaml

BASE = """deployments:
  town:
    keep_releases: 5
    groups:
      web:
        image: web
        size: 3
        health: { http: { port: 80, path: /healthz } }
        config: { MOTD: hello, SAME: same }
        rollout: { bake_time: 1m, drain: 5s }
        disks: { data: { size: 1GiB, mount: /data } }
    services: { play: { group: web, port: 80, listen: "127.0.0.1:8080" } }
  other: { groups: { web: { image: web, health: { tcp: { port: 80 } } } } }
environments:
  staging: { town: { services: { play: { listen: "127.0.0.1:8081" } } } }
  production: { town: {} }
"""


def over(staging: str = "", promotions: str = "") -> str:
    """The document with something said over staging, in line 15, and promotions from line 17 on."""
    text = BASE
    if staging:
        text = text.replace("town: { services", f"town: {{ {staging}, services")
    return text + (f"promotions:\n{promotions}" if promotions else "")


def test_each_environment_is_a_deployment_of_its_own_and_the_bare_one_is_none(tmp_path: Path) -> None:
    wish = 'groups: { web: { size: 1, config: { MOTD: test, MORE: "1" }, rollout: { drain: 0s } } }'
    gates = "  production: { after: staging, soak: 1h }\n"
    found = targets(parse(over(wish, gates), "f", tmp_path).document)
    assert list(found) == ["other", "town-staging", "town-production"]
    staging, production = found["town-staging"], found["town-production"]
    web = staging.spec.groups["web"]
    assert (web.size, web.config) == (1, {"MOTD": "test", "SAME": "same", "MORE": "1"})
    assert (web.rollout.drain, web.rollout.bake_time, web.machine.cpus) == (0.0, 60.0, 1)
    assert staging.spec.services["play"].listen == "127.0.0.1:8081"
    assert (staging.spec.keep_releases, production.spec.groups["web"].size) == (5, 3)
    assert production.environment == Environment(name="production", deployment="town", after="staging")
    assert (staging.gates, production.gates and production.gates.soak) == (None, 3600.0)
    assert found["other"].environment is None


def test_what_is_explained_means_the_same(tmp_path: Path) -> None:
    gates = '  production: { after: staging, freeze: [ { days: [fri], since: "16:00" } ] }\n'
    document = parse(over("groups: { web: { machine: { memory: 1GiB } } }", gates), "f", tmp_path).document
    assert parse(explain(document), "f", tmp_path).document == document


@pytest.mark.parametrize(
    ("staging", "line"),
    [
        ("engine: qemu", "15 environments.staging.town.engine: engine is the same in every environment"),
        (
            "groups: { web: { image: web/7 } }",
            "15 environments.staging.town.groups.web.image: image is the same in every",
        ),
        (
            "groups: { web: { sise: 1 } }",
            "15 environments.staging.town.groups.web.sise: unknown key 'sise', did you mean",
        ),
        ("groups: { web: { size: 0 } }", "15 environments.staging.town.groups.web.size: 0 is too small"),
        ("groups: { web: { size: null } }", "15 environments.staging.town.groups.web.size: is empty"),
        ("groups: { wab: {} }", "15 environments.staging.town.groups.wab: town has no group 'wab', and an environment"),
        (
            "groups: { web: { disks: { more: {} } } }",
            "15 environments.staging.town.groups.web.disks.more: town has no disk",
        ),
        (
            "groups: { web: { rollout: { strategy: rolling } } }",
            "15 environments.staging.town.groups.web: strategy rolling",
        ),
        (
            "groups: { web: { secrets: { MOTD: motd } } }",
            "15 environments.staging.town.groups.web.secrets.MOTD: MOTD is in",
        ),
        (
            "groups: { web: { health: { tcp: { port: 1 } } } }",
            "15 environments.staging.town.groups.web.health: has http and",
        ),
    ],
)
def test_what_an_environment_may_not_say(staging: str, line: str, tmp_path: Path) -> None:
    (only,) = said(over(staging), tmp_path)
    assert only.startswith(line), only


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        (
            "production: { town: {} }",
            "production: { twon: {} }",
            "16 environments.production.twon: there is no deployment",
        ),
        (
            "production: { town: {} }",
            f"{'p' * 36}: {{ town: {{}} }}",
            f"16 environments.{'p' * 36}.town: town-{'p' * 36} would",
        ),
        (
            "other:",
            "town-production:",
            "16 environments.production.town: it would be called town-production, as deployment",
        ),
        (":8081", ":8080", "16 environments.production.town.services.play.listen: 127.0.0.1:8080 is taken by service"),
        ("image: web\n", "image: web/0\n", "6 deployments.town.groups.web.image: 'web/0' has the wrong form"),
    ],
)
def test_names_and_addresses_of_all_that_comes_out(old: str, new: str, line: str, tmp_path: Path) -> None:
    assert any(one.startswith(line) for one in said(BASE.replace(old, new), tmp_path))


def test_what_is_wrong_below_is_said_once(tmp_path: Path) -> None:
    (only,) = said(BASE.replace("play: { group: web", "play: { group: wob"), tmp_path)
    assert only.startswith("12 deployments.town.services.play.group")


@pytest.mark.parametrize(
    ("gates", "line"),
    [
        ("  production: {}\n", "18 promotions.production.after: is missing, name the environment"),
        ("  nowhere: { after: staging }\n", "18 promotions.nowhere: there is no environment 'nowhere'"),
        (
            "  production: { after: stagging }\n",
            "18 promotions.production.after: there is no environment 'stagging', did you",
        ),
        ("  staging: { after: staging }\n", "18 promotions.staging.after: staging comes after itself"),
        (
            "  production: { after: staging, sok: 1h }\n",
            "18 promotions.production.sok: unknown key 'sok', did you mean 'soak'",
        ),
        (
            "  production:\n    after: staging\n    test: [ { group: wob, tcp: { port: 80 } } ]\n",
            "20 promotions.production.test[0].group: nothing in staging has a group 'wob'",
        ),
        (
            "  production:\n    after: staging\n    test: [ { group: web, tcp: { port: 81 } } ]\n",
            "20 promotions.production.test[0]: nobody can ask port 81 of web",
        ),
        *(
            (
                f"  production:\n    after: staging\n    freeze:\n      - {{ {window} }}\n",
                f"21 promotions.production.freeze[0]{wrong}",
            )
            for window, wrong in (
                ("since: 2026-12-20", ": has no beginning or no end"),
                ("since: 2026-12-20, until: 2026-12-19", ": ends before it begins"),
                ("since: soon, until: later", ": 'soon' is no day"),
                ('days: [fri], since: "25:00"', ": '25:00' is no time of a day"),
                ('days: [fri], since: "09:00", until: "09:00"', ": since and until are the same"),
                ("days: [fri, fri]", ": names a day twice"),
                ("days: [fri], zone: Mars/Olympus", ".zone: 'Mars/Olympus' is no time zone"),
            )
        ),
    ],
)
def test_promotions_that_lead_nowhere(gates: str, line: str, tmp_path: Path) -> None:
    (only,) = said(over(promotions=gates), tmp_path)
    assert only.startswith(line), only


def test_two_environments_that_come_after_each_other(tmp_path: Path) -> None:
    found = said(over(promotions="  production: { after: staging }\n  staging: { after: production }\n"), tmp_path)
    assert [one.partition(":")[0] for one in found] == ["18 promotions.production.after", "19 promotions.staging.after"]


def test_what_is_not_in_the_environment_before_has_nowhere_to_come_from(tmp_path: Path) -> None:
    text = over(promotions="  production: { after: staging }\n").replace("{ town: {} }", "{ town: {}, other: {} }")
    (only,) = said(text, tmp_path)
    assert only.startswith("16 environments.production.other: other isn't in staging")


@pytest.mark.parametrize(
    ("staging", "fits"),
    [("groups: { web: { size: 1 } }", True), ("engine: qemu", False), ("groups: { web: { size: null } }", False)],
)
def test_the_schema_is_of_one_mind_with_check(staging: str, fits: bool) -> None:
    values = read_yaml(over(staging, "  production: { after: staging, soak: 1h }\n"), "f")[0]
    assert Draft202012Validator(json_schema()).is_valid(values) == fits
