"""Judges that are neither machine nor proxy: a Prometheus server, a command of the operator's."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from stoneware.decide.analysis import judge_command, judge_value
from stoneware.errors import StonewareError, ToolFailed
from stoneware.host.prometheus import query_value
from stoneware.host.run import run
from stoneware.model.strategy import CommandCheck, Judgement, PrometheusCheck, Verdict

Query = Callable[[str, str], float | None]
Command = Callable[[Sequence[str], Mapping[str, str], float], tuple[int | None, str]]


def run_command(words: Sequence[str], env: Mapping[str, str], within_s: float) -> tuple[int | None, str]:
    """The status of a command that is run as nobody (None: it was ended, or couldn't be started), and its last lines."""
    try:
        done = run(words, timeout_s=within_s, env=env, ok=range(256), as_nobody=True)
    except ToolFailed as cut:
        return None, cut.tail
    except StonewareError as broken:
        return None, broken.message
    return done.status, done.tail


@dataclass(frozen=True)
class Elsewhere:
    """The doors, so that a simulation can have others."""

    query: Query = query_value
    command: Command = run_command

    def value(self, check: PrometheusCheck) -> Judgement:
        """What a Prometheus server says. One that doesn't answer leaves a doubt, no failure."""
        try:
            return judge_value(check, self.query(check.url, check.query))
        except StonewareError as broken:
            return Judgement(verdict=Verdict.INCONCLUSIVE, detail=broken.message)

    def word(self, check: CommandCheck, env: Mapping[str, str]) -> Judgement:
        """What a command says."""
        return judge_command(*self.command(check.command, env, check.within))
