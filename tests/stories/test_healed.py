"""An application that runs and answers 500 is replaced by the daemon, while the others answer and nobody notices."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.support.plain import write_plain
from tests.support.town import Town, await_true

from stoneware.host.probe import ask
from stoneware.model.probe import HttpProbe

HEALTH = """\
#!/bin/busybox sh
if [ -e /tmp/sick ]; then printf 'Status: 500 Sick\\r\\n\\r\\nsick\\n'; else printf 'Status: 200 OK\\r\\n\\r\\nwell\\n'; fi
"""
DECLARED = """\
images:
  plain:
    deliver: [container]
    test:
      - http: { port: 8080, path: /cgi-bin/health, body: well }
deployments:
  keeps:
    engine: container
    groups:
      web:
        image: plain
        size: 3
        machine: { memory: 64MiB }
        health: { http: { port: 8080, path: /cgi-bin/health }, interval: 500ms, healthy_for: 1s }
        rollout: { bake_time: 0s, drain: 2s }
    services:
      web: { group: web, port: 8080, listen: "127.0.0.1:PORT" }
"""


@pytest.fixture
def town(container_town: Town) -> Town:
    return container_town


def deploy(town: Town) -> None:
    """Three machines whose application can be made sick: for as long as this one machine lives."""
    write_plain(town.repository, DECLARED.replace("PORT", str(town.port)))
    recipe, cgi = town.repository / "Containerfile", town.repository / "health"
    cgi.write_text(HEALTH)
    cgi.chmod(0o755)
    recipe.write_text(recipe.read_text().replace("COPY serve", "COPY health /srv/cgi-bin/health\nCOPY serve"))
    (town.repository / "serve").write_text("exec /bin/busybox httpd -f -p 8080 -h /srv\n")
    town.cli("bake", "plain")
    town.cli("deploy", "keeps", "--yes")


def machines(town: Town) -> dict[str, dict[str, Any]]:
    return {machine["name"]: machine for machine in town.json("machine", "list")}


def make_sick(town: Town, name: str) -> None:
    """Through the root of the machine's own processes, as the host sees it."""
    roots = [path.parent / "root" for path in Path("/proc").glob("[0-9]*/cgroup") if _is_in(path, town, name)]
    assert roots, f"no process of {name}"
    (roots[0] / "tmp" / "sick").touch()


def _is_in(cgroup: Path, town: Town, name: str) -> bool:
    try:
        hostname = (cgroup.parent / "root" / "etc" / "hostname").read_text().strip()
        words = (cgroup.parent / "cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return hostname == name and b"httpd" in words


@pytest.mark.host
def test_an_application_that_answers_500_is_replaced(town: Town) -> None:
    deploy(town)
    before, ill = machines(town), "keeps-web-r1-1"
    make_sick(town, ill)
    await_true(lambda: town.operation()["actor"] == "stoneware", 60)
    repair = town.ended()
    assert (repair["result"], repair["reason"]) == ("SUCCEEDED", f"sick: {ill}: HTTP 500, expected 200")
    after = machines(town)
    assert {name for name in after if after[name]["created_at"] != before[name]["created_at"]} == {ill}
    assert {machine["digest"] for machine in after.values()} == {before[ill]["digest"]}
    for machine in after.values():
        assert ask(HttpProbe(port=8080, path="/cgi-bin/health"), machine["addresses"]["8080"], 5.0).ok
    assert ask(HttpProbe(port=town.port, path="/cgi-bin/health"), town.service(), 5.0).ok

    for name in after:
        make_sick(town, name)
    await_true(lambda: bool(town.json("status", "keeps")["notes"]), 60)
    [note] = town.json("status", "keeps")["notes"]
    assert note.startswith("3 of 3 machines of group web are unwell at once")
    assert {name: one["created_at"] for name, one in machines(town).items()} == {
        name: one["created_at"] for name, one in after.items()
    }, "nobody is replaced in a storm"
