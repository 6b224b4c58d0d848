"""The command line: `stoneware COMMAND`. Commands are loaded when they are called, so that `--help` answers at once."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence

import click

from stoneware import __version__

NO_COMMAND = getattr(click.exceptions, "NoArgsIsHelpError", ())
"""What click (8.2 and newer) raises where a group is called without a command: its help is the answer."""
COMMANDS: dict[str, tuple[str, str]] = {
    "init": ("local", "Write a commented starting point that works."),
    "check": ("local", "Check stoneware.yaml: every problem at once, with its line."),
    "schema": ("local", "Print the JSON Schema of stoneware.yaml, for editors."),
    "doctor": ("local", "Say what this host can and can't do."),
    "serve": ("local", "Run the daemon."),
    "docs": ("docs", "Say what a code means, such as disk-full, and what to do."),
    "completion": ("local", "Print the shell completion for bash, zsh or fish."),
    "bake": ("bake", "Recipe to sealed, tested, published image."),
    "build": ("build", "Builds of commits: run, list, show, logs, cancel, retry."),
    "builder": ("builder", "Builders of build files: list, map, unmap, build."),
    "image": ("image", "Images: list, show, export, import, change state, revoke, prune."),
    "base": ("base", "Bases that recipes start from: list, packages, build, refresh."),
    "deployment": ("inspection", "Deployments as environments: diff."),
    "family": ("image", "Image families: list, show."),
    "plan": ("deploy", "Say what a deploy would change."),
    "deploy": ("deploy", "Make what is declared true, by replacement."),
    "rollback": ("deploy", "Go back to the last good release, or to a named one."),
    "rehearse": ("rehearse", "Prove the way back on a shadow: rollback."),
    "destroy": ("deploy", "End a deployment; its disks stay."),
    "status": ("status", "What runs, who has the traffic, what is under way."),
    "explain": ("explain", "One screen about a deployment, machine, image or operation."),
    "drift": ("drift", "What differs from what is declared."),
    "pause": ("signals", "Pause what is under way."),
    "resume": ("signals", "Go on with what was paused."),
    "approve": ("signals", "Say yes to what waits for a person."),
    "promote": ("promotion", "Bring images to the next environment; or skip waiting."),
    "promotion": ("promotion", "Promotions: list, show, approve, reject."),
    "role": ("role", "Roles: who may approve promotions."),
    "retry": ("signals", "Try again what failed or is in doubt."),
    "abort": ("signals", "Turn back what is under way."),
    "history": ("status", "What was done, one operation's story, or how all was then."),
    "blame": ("past", "How a machine came to be: release, image, who asked, why."),
    "release": ("status", "Releases: list, show, diff."),
    "machine": ("things", "Machines: list, show, console, release."),
    "shell": ("shell", "Break-glass: get into a machine, which taints it."),
    "taint": ("shell", "Tainted machines: list."),
    "disk": ("disk", "Disks: list, snapshot, restore, clone, delete."),
    "trigger": ("trigger", "Triggers: a push begins a build."),
    "secret": ("secret", "Secrets: set, list, delete."),
    "key": ("key", "Keys: show, list, trust, distrust."),
    "ledger": ("ledger", "The ledger: show, verify, checkpoint, export."),
}
"""Every command: the module of this folder that has it, and its line in `--help`."""


class LazyGroup(click.Group):
    """Knows all commands by name; imports one when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"stoneware.cli.{COMMANDS[cmd_name][0]}")
        command: click.Command = getattr(module, cmd_name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as unknown:
            import difflib

            near = difflib.get_close_matches(args[0], list(COMMANDS), n=1)
            raise click.UsageError(
                f"{unknown.message} Did you mean {near[0]!r}?" if near else unknown.message, ctx
            ) from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="stoneware")
def cli() -> None:
    """Machines are never changed, they are replaced.

    \b
    stoneware init && stoneware serve --background
    stoneware bake && stoneware deploy
    """


def _must_be_text(words: Sequence[str]) -> None:
    """Raises BadInput for a word that isn't UTF-8: neither the API nor a file of ours could hold it."""
    for word in words:
        try:
            word.encode()
        except UnicodeEncodeError:
            from stoneware.errors import BadInput

            said = os.fsencode(word).decode("utf-8", "backslashreplace")
            raise BadInput(f"{said} is no UTF-8", next_step="write this word in UTF-8") from None


def main() -> None:
    """Runs a command and turns errors into exit codes: 0 done, 1 failed, 2 bad input, 3 daemon out of reach."""
    try:
        _must_be_text(sys.argv[1:])
        code = cli.main(
            prog_name="stoneware", standalone_mode=False
        )  # without standalone mode, click returns the code of an Exit
        sys.exit(code if isinstance(code, int) else 0)
    except click.Abort:
        click.echo("cancelled; nothing was changed", err=True)
        sys.exit(1)
    except click.ClickException as usage:
        if isinstance(usage, NO_COMMAND):
            usage.show()
            sys.exit(2)
        from stoneware.cli.failures import report_usage

        sys.exit(report_usage(usage))
    except BrokenPipeError:
        sys.exit(1)
    except Exception as error:
        from stoneware.cli.failures import report

        sys.exit(report(error))
