"""The corpus of build files, with what is expected of each."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from stoneware.errors import BadInput
from stoneware.model.build import BuildSpec, Source
from stoneware.spec.cloudbuild import expand, read_cloudbuild

CORPUS = Path(__file__).parent.parent / "corpus" / "cloudbuild"
USUAL = Source(
    repository="/srv/git/critter.git",
    name="critter",
    commit="0123456789abcdef0123456789abcdef01234567",
    branch="main",
)
LEFT_OUT = ("PROJECT_ID=", "PROJECT_NUMBER=", "LOCATION=")


@dataclass(frozen=True)
class Case:
    """A file, and the lines that say what is expected of it."""

    path: Path
    header: tuple[str, ...]

    @property
    def name(self) -> str:
        return f"{self.path.parent.name}/{self.path.name}"

    @property
    def text(self) -> str:
        return self.path.read_text(encoding="utf-8")

    @property
    def good(self) -> bool:
        return self.path.parent.name == "good"

    def says(self, word: str) -> list[str]:
        return [line.removeprefix(word).strip() for line in self.header if line.startswith(word)]

    def expanded(self, text: str | None = None) -> BuildSpec:
        """What becomes of the file (or of another text, as if it stood there). Raises BadInput."""
        build = read_cloudbuild(self.text if text is None else text, self.path.name)
        given = yaml((self.says("given") or ["{}"])[0])
        sources = [Source.model_validate(yaml(one)) for one in self.says("source")]
        triggered = "triggered" in self.header
        return expand(build, (sources or [USUAL])[0], given, build_id="b-7", trigger="web" if triggered else "")

    def complaints(self) -> list[str]:
        """How the file is handled otherwise than it should be; nothing when all is well."""
        try:
            spec = self.expanded()
        except BadInput as refused:
            found = [str(one).removeprefix(f"{self.path.name}:") for one in refused.problems]
            return [*(f"unexpected: {one}" for one in found if one not in self.says("problem")), *self._unsaid(found)]
        except Exception as failed:
            return [f"a traceback: {failed!r}"]
        if not self.good:
            return ["it is taken for good"]
        return [wrong for line in self.says("expect") for wrong in self._differs(spec, line)]

    def _unsaid(self, found: list[str]) -> list[str]:
        return [f"not said: {one}" for one in self.says("problem") if one not in found]

    def _differs(self, spec: BuildSpec, line: str) -> list[str]:
        path, _, wanted = line.partition(": ")
        there: Any = spec
        for name, index in re.findall(r"(\w+)|\[(\d+)\]", path):
            there = getattr(there, name) if name else there[int(index)]
        plain = there.model_dump(mode="json", exclude_defaults=True) if hasattr(there, "model_dump") else there
        if isinstance(plain, tuple):
            plain = [one.model_dump(mode="json") if hasattr(one, "model_dump") else one for one in plain]
        if path == "warnings":
            plain = [one.removeprefix(f"{self.path.name}:") for one in plain]
        if "environment without empty and Google's own" in self.header and path.endswith("environment"):
            plain = [one for one in plain if not one.endswith("=") and not one.startswith(LEFT_OUT)]
        return [] if plain == yaml(wanted) else [f"{path} is {plain!r}, not {yaml(wanted)!r}"]


def yaml(text: str) -> Any:
    return YAML(typ="safe", pure=True).load(text)


def cases() -> list[Case]:
    """All of them, the good ones last."""
    found = []
    for path in sorted(CORPUS.glob("*/*")):
        if path.suffix == ".expect":
            continue
        beside = path.with_name(f"{path.name}.expect")
        said = (beside if beside.exists() else path).read_text(encoding="utf-8-sig")
        header = [line for line in said.splitlines() if line.startswith("# ")]
        found.append(Case(path, tuple(line[2:] for line in header)))
    return found
