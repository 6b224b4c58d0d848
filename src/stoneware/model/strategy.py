"""How a new version is brought in and judged: strategies, the steps of a canary, and the checks of an analysis."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import Field, StrictBool, StrictInt, StrictStr, StringConstraints, model_validator

from stoneware.model.choice import any_of, one_of, require_one
from stoneware.model.noun import Noun
from stoneware.model.probe import HttpProbe, TcpProbe
from stoneware.model.quantity import Seconds, Span

Text = Annotated[StrictStr, StringConstraints(min_length=1)]
Number = Annotated[float, Field(strict=True)]
Percent = Annotated[float, Field(strict=True, ge=0, le=100)]
Url = Annotated[StrictStr, StringConstraints(pattern=r"^https?://[A-Za-z0-9._~:/\[\]-]+$", max_length=500)]


Strategy = Literal["blue_green", "rolling", "canary", "recreate"]
"""How the machines of a group are replaced.

blue_green: a whole new fleet beside the old one, then one switch. canary: the same, but the new fleet first gets a growing share.
rolling: a few machines at a time, in the same pool. recreate: the old ones stop before the new ones start.
"""


class CanaryStep(Noun):
    """For `duration`, the new version gets `share` percent of what is new. `approval`: then a person says whether it goes on."""

    share: Annotated[StrictInt, Field(ge=1, le=99)]
    duration: Seconds
    approval: StrictBool = False


DEFAULT_STEPS = (CanaryStep(share=10, duration="5m"), CanaryStep(share=50, duration="5m"))  # type: ignore[arg-type]


class ErrorsCheck(Noun):
    """Failed answers (status 5xx, or none at all) in percent of all: at most `most`; at most `more` percent points above the
    old version."""

    model_config = any_of("most", "more")

    most: Percent | None = None
    more: Percent | None = None

    @model_validator(mode="after")
    def _asks_something(self) -> Self:
        if self.most is None and self.more is None:
            raise ValueError("no limit at all: give most, more or both")
        return self


class LatencyCheck(Noun):
    """The time that `quantile` of all answers don't exceed: at most `most`; at most `times` that of the old version."""

    model_config = any_of("most", "times")

    quantile: Annotated[float, Field(strict=True, gt=0, lt=1)] = 0.95
    most: Span | None = None
    times: Annotated[float, Field(strict=True, gt=0)] | None = None

    @model_validator(mode="after")
    def _asks_something(self) -> Self:
        if self.most is None and self.times is None:
            raise ValueError("no limit at all: give most, times or both")
        return self


class ProbeCheck(Noun):
    """A question that Stoneware itself asks every new machine each second: at most `failed` percent of the answers are bad."""

    model_config = one_of("http", "tcp")

    http: HttpProbe | None = None
    tcp: TcpProbe | None = None
    failed: Percent = 0.0

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        require_one(self, "http", "tcp")
        return self


class PrometheusCheck(Noun):
    """An instant query of a Prometheus server: its one value is at least `least` and at most `most`."""

    model_config = any_of("least", "most")

    url: Url
    query: Text
    least: Number | None = None
    most: Number | None = None

    @model_validator(mode="after")
    def _asks_something(self) -> Self:
        if self.least is None and self.most is None:
            raise ValueError("no limit at all: give least, most or both")
        if self.least is not None and self.most is not None and self.least > self.most:
            raise ValueError("no value is at least the one and at most the other: give least no more than most")
        return self


class CommandCheck(Noun):
    """A command on the daemon's host (words, no shell), run at a step's end as nobody: 0 is pass, 1 fail, all else inconclusive.

    It finds STONEWARE_DEPLOYMENT, STONEWARE_RELEASE and STONEWARE_SHARE in its environment.
    """

    command: Annotated[tuple[Text, ...], Field(min_length=1)]
    within: Span = 60.0


CHECKS = ("errors", "latency", "probe", "prometheus", "run")


class Check(Noun):
    """One question of an analysis. Exactly one of the kinds is given."""

    model_config = one_of(*CHECKS)

    errors: ErrorsCheck | None = None
    latency: LatencyCheck | None = None
    probe: ProbeCheck | None = None
    prometheus: PrometheusCheck | None = None
    run: CommandCheck | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        require_one(self, *CHECKS)
        return self


class AnalysisSpec(Noun):
    """How a new version is judged while it has traffic: at each step of a canary, while machines take turns (strategy rolling),
    and during `bake_time`.

    Errors and latency are those that the proxy itself counted. With less than `samples` answers a verdict is inconclusive:
    the step is extended by `extend`, and then a person is asked. One exception: where at least 10 answers failed, and more
    than half of all, the version is plainly broken and fails at once, when that is over the limit. Probes fail as soon as
    `samples` answers would be over the limit even if all that are missing were good, and pass however few there are. Turns
    go on while it is inconclusive, and the first release of all waits for no doubt: nobody may ask it yet.
    """

    checks: Annotated[tuple[Check, ...], Field(min_length=1)]
    samples: Annotated[StrictInt, Field(ge=1, le=1_000_000)] = 50
    extend: Seconds = 60.0


class Verdict(StrEnum):
    """What an analysis says."""

    PASS = "pass"  # noqa: S105 - a verdict
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"


class Judgement(Noun):
    """A verdict, and the sentence that explains it."""

    verdict: Verdict
    detail: str
