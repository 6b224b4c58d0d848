"""Commands that need no daemon: init, check, schema, doctor, serve, completion."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

import click

from stoneware.cli import options, output
from stoneware.errors import Misconfigured, StonewareError
from stoneware.host.home import default_home
from stoneware.host.settings import read_settings
from stoneware.model.quantity import counted

START_LIMIT_S = 20.0


@click.command()
@click.argument("folder", type=click.Path(path_type=Path), default=Path())
@options.as_json
def init(folder: Path, json_: bool) -> None:
    """Write stoneware.yaml and a Containerfile into FOLDER.

    \b
    Example:
      stoneware init shop && cd shop && stoneware check
    """
    from stoneware.spec.template.files import write_template

    written = write_template(folder)
    if json_:
        output.show_json({"written": [str(path) for path in written]})
        return
    for path in written:
        output.say(f"wrote {path}")
    output.say("next: `stoneware serve --background`, `stoneware bake`, `stoneware deploy`")


@click.command()
@options.file
@click.option("--explain", is_flag=True, help="Print the whole document with every default.")
@options.as_json
def check(file_: Path, explain: bool, json_: bool) -> None:
    """Check stoneware.yaml, and say all that is wrong with it, with lines. Nothing is changed; the exit code is 2 if something is.

    \b
    Example:
      stoneware check --explain
    """
    from stoneware.spec.explain import explain as expanded
    from stoneware.spec.load import load

    loaded = load(file_)
    document = loaded.document
    if json_:
        output.show_json(document.model_dump(mode="json"))
    elif explain:
        output.say(expanded(document).rstrip())
    else:
        images, deployments = len(document.images), len(document.deployments)
        said = f"{counted(images, 'image')}, {counted(deployments, 'deployment')}"
        output.say(f"{loaded.file} is good: {said}")


@click.command()
def schema() -> None:
    """Print the JSON Schema of stoneware.yaml.

    \b
    Example:
      stoneware schema > stoneware.schema.json
    """
    from stoneware.spec.schema import json_schema

    click.echo(json.dumps(json_schema(), indent=2))


@click.command()
@options.as_json
def doctor(json_: bool) -> None:
    """Say what this host can and can't do. Exit code 1 when something that is needed is missing.

    \b
    Example:
      stoneware doctor
    """
    from stoneware.bake.checks import check_bake
    from stoneware.clock import SystemClock
    from stoneware.engines.container import check_host
    from stoneware.engines.qemu import QemuEngine
    from stoneware.traffic.haproxy import HaproxySwitch

    home = default_home()
    home.prepare()
    engines = [*QemuEngine(home, SystemClock()).check(), *check_host()]
    findings = [*engines, *check_bake(), *HaproxySwitch(home).check()]
    if json_:
        output.show_json([finding.model_dump() for finding in findings])
    else:
        rows = []
        for one in findings:
            rows.append(({"ok": "ok", "warn": "!", "fail": "FAIL"}[one.level], one.name, one.text))
            rows += [("", "", f"next: {one.next_step}")] if one.next_step else []
        output.table(("", "what", "found"), rows)
    if any(finding.level == "fail" for finding in findings):
        raise click.exceptions.Exit(1)


@click.command()
@click.option("--background", is_flag=True, help="Start it, wait until it answers, and return.")
@click.option("--stop", is_flag=True, help="End the daemon of this home; machines and proxies run on.")
@click.option(
    "--webhooks",
    metavar="ADDRESS:PORT",
    help="Take the messages of git hosts there; nothing else listens on a network.",
)
def serve(background: bool, stop: bool, webhooks: str | None) -> None:
    """Run the daemon of this home ($STONEWARE_HOME, or the XDG state folder).

    \b
    Example:
      stoneware serve --background
      stoneware serve --background --webhooks 127.0.0.1:8090
    """
    home = default_home()
    door = options.address(webhooks) if webhooks else None
    if stop:
        _stop()
        return
    read_settings()  # what is wrong with them is said here, not in a log
    if not background:
        from stoneware.daemon import serve as run

        run(home, door)
        return
    from stoneware.host.run import spawn

    home.prepare()
    try:
        options.client().get("/v1/about")
        output.say(f"a daemon serves {home.root} already")
        return
    except StonewareError:
        pass  # nobody answers: that is why we start one
    log = home.logs / "daemon.log"
    words = [sys.executable, "-m", "stoneware", "serve", *(["--webhooks", webhooks] if webhooks else [])]
    pid = spawn(words, log=log, env={"STONEWARE_HOME": str(home.root)})
    until = time.monotonic() + START_LIMIT_S
    while time.monotonic() < until:
        try:
            about = options.client().get("/v1/about")
        except StonewareError:
            time.sleep(0.1)
            continue
        if about["pid"] == pid:
            output.say(f"serving {home.root} (pid {pid})")
            return
    raise Misconfigured("the daemon didn't come up", f"its log is {log}", code="daemon-unreachable")


def _stop() -> None:
    from stoneware.host.process import end, start_ticks

    about = options.client().get("/v1/about")
    ticks = start_ticks(about["pid"])
    if ticks is not None:
        end(about["pid"], ticks, grace_s=20.0)
    output.say(f"daemon {about['pid']} has ended; machines and proxies run on")


@click.command()
@click.argument(
    "shell", type=click.Choice(["bash", "zsh", "fish"]), default=lambda: Path(os.environ.get("SHELL", "bash")).name
)
def completion(shell: str) -> None:
    """Print the completion script for SHELL.

    \b
    Example:
      stoneware completion bash > /etc/bash_completion.d/stoneware
    """
    from click.shell_completion import get_completion_class

    from stoneware.cli.main import cli

    found = get_completion_class(shell)
    if found is None:
        raise click.UsageError(f"no completion for {shell}")
    click.echo(found(cli, {}, "stoneware", "_STONEWARE_COMPLETE").source())
