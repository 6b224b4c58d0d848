"""A build file as it was written: every value of the right kind, and nothing expanded yet."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from stoneware.errors import BadInput, Problem
from stoneware.model.noun import Noun
from stoneware.model.quantity import counted
from stoneware.spec.yaml_lines import MOST_PROBLEMS, Path, dotted, too_many

INVALID = "build-file-invalid"


class VolumeDraft(Noun):
    """A volume as written."""

    name: str = ""
    path: str = ""


class StepDraft(Noun):
    """A step as written; None and empty where the file says nothing. Times in seconds."""

    name: str = ""
    args: tuple[str, ...] | None = None
    entrypoint: str | None = None
    script: str | None = None
    dir: str = ""
    env: tuple[str, ...] = ()
    id: str = ""
    wait_for: tuple[str, ...] = ()
    volumes: tuple[VolumeDraft, ...] = ()
    timeout: float | None = None
    allow_failure: bool = False
    allow_exit_codes: tuple[int, ...] = ()
    automap_substitutions: bool | None = None


class OptionsDraft(Noun):
    """What holds for all steps."""

    env: tuple[str, ...] = ()
    volumes: tuple[VolumeDraft, ...] = ()
    substitution_option: str = "MUST_MATCH"
    dynamic_substitutions: bool = False
    automap_substitutions: bool = False


class ObjectsDraft(Noun):
    """Files to keep."""

    location: str = ""
    paths: tuple[str, ...] = ()


class ArtifactsDraft(Noun):
    """What is to be kept of the build."""

    images: tuple[str, ...] = ()
    objects: ObjectsDraft | None = None


class BuildDraft(Noun):
    """The whole file. Times in seconds."""

    steps: tuple[StepDraft, ...] = ()
    timeout: float | None = None
    queue_ttl: float | None = None
    substitutions: dict[str, str] = {}
    images: tuple[str, ...] = ()
    artifacts: ArtifactsDraft = ArtifactsDraft()
    tags: tuple[str, ...] = ()
    options: OptionsDraft = OptionsDraft()


@dataclass(frozen=True)
class CloudBuild:
    """A checked build file. `places` lead from a path in Google's spelling to the line and to the path as it is written, warnings
    have their line."""

    file: str
    draft: BuildDraft
    places: Mapping[Path, tuple[int, str]]
    warnings: tuple[tuple[int, str], ...] = ()


@dataclass
class Complaints:
    """Gathers what is wrong with one file, so that all of it is said at once."""

    file: str
    places: Mapping[Path, tuple[int, str]]
    problems: dict[Problem, None] = field(default_factory=dict)
    warnings: list[tuple[int, str]] = field(default_factory=list)
    _within: set[str] = field(default_factory=set)
    """Every place that something wrong is in, so that asking for one doesn't go through all problems."""

    def add(self, problem: Problem) -> None:
        """Notes a problem, once. Raises BadInput when there were enough already."""
        if problem in self.problems:
            return
        if len(self.problems) == MOST_PROBLEMS:
            raise too_many(self.file, [*self.problems], INVALID)
        self.problems[problem] = None
        path = problem.path
        self._within.update((path, *(path[:at] for at, char in enumerate(path) if char in ".[")))

    def wrong(self, path: Path, wrong: str, right: str = "", code: str = "value-invalid") -> None:
        line, shown = self._place(path)
        self.add(Problem(self.file, line, shown, wrong, right, code))

    def warn(self, path: Path, says: str) -> None:
        line, shown = self._place(path)
        self.warnings.append((line, f"{self.file}:{line} {shown}: {says}"))

    def touches(self, path: Path) -> bool:
        """Whether something was wrong there, or within."""
        return self._place(path)[1] in self._within

    def end(self) -> None:
        """Raises BadInput when anything was wrong."""
        if self.problems:
            raise refusal(self.file, self.problems)

    def _place(self, path: Path) -> tuple[int, str]:
        """The line of a path, or of the nearest thing around it that stands in the file."""
        around = path
        while around and around not in self.places:
            around = around[:-1]
        line, shown = self.places.get(around, (1, dotted(around)))
        rest = dotted(path[len(around) :])
        return line, f"{shown}{'.' if shown and rest and not rest.startswith('[') else ''}{rest}"


def refusal(file: str, problems: Iterable[Problem]) -> BadInput:
    """All problems of a build file, in the order of its lines."""
    ordered = sorted(set(problems), key=lambda one: (one.line, one.path, one.wrong))
    return BadInput(f"{file} has {counted(len(ordered), 'problem')}", ordered, code=INVALID)
