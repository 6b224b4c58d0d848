"""An image without an init is a machine all the same; and every kind of boot test, passed and failed, on a real one."""

from __future__ import annotations

import pytest
from tests.support.plain import SERVE, write_plain
from tests.support.town import Town

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
      - units: { failed: 0 }
"""


@pytest.mark.vm
def test_an_image_without_an_init_boots_and_its_program_serves(workshop: Town) -> None:
    write_plain(workshop.repository, TESTS)
    assert "published plain/1" in workshop.cli("bake", "plain").stdout
    shown = workshop.json("image", "show", "plain/1")
    assert len(shown["boot_test"]["results"]) == 7
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
