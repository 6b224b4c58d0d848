"""An image without an init is a machine all the same; and every kind of boot test, passed and failed, on a real one."""

from __future__ import annotations

import pytest
from tests.support.plain import SERVE, write_plain
from tests.support.town import Town

from stoneware.host.probe import ask
from stoneware.model.probe import HttpProbe

TESTS = """\
images:
  plain:
    writable: [/srv]
    test:
      - http: { port: 8080, path: /passwd, body: www }
      - tcp: { port: 8080 }
      - closed: { port: 22 }
      - console: { contains: "I am 33:33 in /srv, [two words], home /srv" }
      - log: { contains: "I am", lacks: error }
      - run: { command: [/bin/busybox, sh, -c, "echo $GREETING in; exit 3"], status: 3, contains: in }
"""


@pytest.mark.vm
def test_an_image_without_an_init_boots_and_its_program_serves(workshop: Town) -> None:
    write_plain(workshop.repository, TESTS)
    assert "published plain/1" in workshop.cli("bake", "plain").stdout
    shown = workshop.json("image", "show", "plain/1")
    assert len(shown["boot_test"]["results"]) == 6
    assert shown["manifest"]["init"] == ""
    assert shown["manifest"]["entrypoint"]["user"] == "www"


@pytest.mark.vm
@pytest.mark.parametrize(
    ("test", "said"),
    [
        ("closed: { port: 8080 }", "something answers on port 8080"),
        ("run: { command: [/bin/busybox, echo, hello], contains: bye }", "doesn't print 'bye'; it printed 'hello'"),
        ("run: { command: [/no/such/program] }", "status 127, expected 0"),
    ],
)
def test_a_failing_test_says_what_was_wrong(workshop: Town, test: str, said: str) -> None:
    head = TESTS.partition("    test:")[0]
    write_plain(
        workshop.repository,
        f"{head}    test:\n      - {test}\n        within: 10s\n      - http: {{ port: 8080, path: /passwd }}\n",
    )
    (workshop.repository / "serve").write_text(SERVE + f"# {said}\n")
    failed = workshop.cli("bake", "plain", ok=(1,))
    assert said in failed.stdout + failed.stderr


KEEPS = """\
echo "a start" >>/srv/data/starts
# what leaves its session, works on the disk and takes no notice of a signal goes with the program all the same
/bin/busybox setsid /bin/busybox sh -c 'trap "" TERM; cd /srv/data; while :; do /bin/busybox sleep 1; done' &
exec /bin/busybox httpd -f -p 8080 -h /srv/data
"""
DEPLOYED = """\
images:
  plain:
    test:
      - tcp: { port: 8080 }
deployments:
  keeps:
    groups:
      web:
        image: plain
        machine: { memory: 256MiB }
        disks: { data: { size: 64MiB, mount: /srv/data } }
        health: { http: { port: 8080, path: /starts }, healthy_for: 1s }
        rollout: { bake_time: 0s, drain: 0s, hold_limit: 4m }
    services:
      web: { group: web, port: 8080, listen: "127.0.0.1:PORT" }
"""


@pytest.mark.vm
def test_a_disk_is_handed_over_between_machines_without_an_init(workshop: Town) -> None:
    write_plain(workshop.repository, DEPLOYED.replace("PORT", str(workshop.port)))
    recipe = workshop.repository / "Containerfile"
    recipe.write_text(recipe.read_text().replace("USER www\n", ""))
    starts = HttpProbe(port=workshop.port, path="/starts", body="a start\na start\n")
    for version in (1, 2):
        (workshop.repository / "serve").write_text(f"{KEEPS}# version {version}\n")
        workshop.cli("bake", "plain")
        workshop.cli("deploy", "keeps", "--yes")
    try:
        answer = ask(starts, f"127.0.0.1:{workshop.port}", 5.0)
        assert answer.ok, answer.detail
        [writer] = {disk["writer"] for disk in workshop.json("disk", "list") if disk["owner"] == "keeps"}
        assert writer == "keeps-web-r2-0"
    finally:
        workshop.cli("destroy", "keeps", "--yes")
