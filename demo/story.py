"""The story, step by step."""

from __future__ import annotations

import contextlib
import http.client
from collections.abc import Iterator

from demo.load import Load
from demo.report import Report
from demo.stage import Failed, Stage

DEPLOYMENT = "critter-junction"
SERVICE = "127.0.0.1:18080"


def play(stage: Stage, report: Report) -> None:
    """From nothing to version 2 and back, under load."""
    stage.set()
    _title("What can this host do?")
    stage.run("doctor")
    stage.run("serve", "--background")

    _title("Version 1: NGINX. A whole operating system is baked, booted and tested; only then published.")
    report.seconds["bake version 1"] = stage.run("bake", "--reason", "version 1")

    _title("The declared deployment is provisioned: machines, a disk each, a service with health checks.")
    report.seconds["deploy version 1"] = stage.run("deploy", "--yes", "--reason", "first release")
    with _loaded(report):
        _title("Version 2: Apache. Clients load the service from here on.")
        stage.to_version_2()
        report.seconds["bake version 2"] = stage.run("bake", "--reason", "version 2")
        stage.run("plan")
        report.seconds["roll out version 2"] = stage.run("deploy", "--yes", "--reason", "version 2")
        stage.run("status")

        _title("Version 2 is found wanting: deprecate it, go back.")
        stage.run("image", "deprecate", "critter-web/2", "--reason", "critters complain")
        stage.run("family", "show", "critter-web")
        report.seconds["roll back to version 1"] = stage.run("rollback", "--yes", "--reason", "critters complain")
    stage.run("status")
    report.held_s = held(stage)
    report.found = critters(stage)

    _title("All of it is on record.")
    stage.run("image", "list")
    stage.run("history")
    stage.run("ledger", "verify")


def held(stage: Stage) -> list[float]:
    """For how long each hand-over held requests, as its operation's journal says."""
    found = []
    for operation in stage.json("history"):
        for line in stage.json("history", operation["id"])["journal"]:
            _, marked, rest = line["text"].partition("requests were held for ")
            if marked:
                found.append(float(rest.removesuffix("s")))
    return list(reversed(found))


def critters(stage: Stage) -> list[str]:
    """Every critter on every machine's disk."""
    machines = [m for m in stage.json("machine", "list", DEPLOYMENT) if m["power"] == "RUNNING"]
    found = []
    for machine in machines:
        host, _, port = machine["addresses"]["80"].rpartition(":")
        connection = http.client.HTTPConnection(host, int(port), timeout=30)
        connection.request("GET", "/critters")
        response = connection.getresponse()
        if response.status != 200:
            raise Failed(f"machine {machine['name']} answers HTTP {response.status} for its critters")
        found += response.read().decode().split()
        connection.close()
    return found


@contextlib.contextmanager
def _loaded(report: Report) -> Iterator[None]:
    load = Load(SERVICE)
    load.start()
    try:
        yield
    except BaseException:
        report.tally = load.stop(wait_s=1.0)
        raise
    report.tally = load.stop()


def _title(text: str) -> None:
    print(f"\n--- {text}", flush=True)
