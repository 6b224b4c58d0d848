"""A `CloudBuild` and where its source comes from, to a `BuildSpec`: nothing is left open, and everything is checked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from stoneware.model.build import Artifacts, BuildSpec, BuildStep, Source, StepVolume
from stoneware.spec.cloudbuild.builtins import DEFAULTS, OF_THE_BUILD, OF_THE_TRIGGER, built_in
from stoneware.spec.cloudbuild.check import (
    INTO_A_FILE,
    LARGEST_STEP,
    LONGEST_ARG,
    LONGEST_ENV,
    NAMED,
    names_a_variable,
)
from stoneware.spec.cloudbuild.check_substitutions import CODE, wrong_pair
from stoneware.spec.cloudbuild.file import BuildDraft, CloudBuild, Complaints, StepDraft, VolumeDraft
from stoneware.spec.cloudbuild.places import folder, image, kept_paths, location, tags
from stoneware.spec.cloudbuild.substitute import Substitutions, say_unused
from stoneware.spec.cloudbuild.verbs import is_verb, verb_step
from stoneware.spec.cloudbuild.waits import names, positions
from stoneware.spec.yaml_lines import shown

USUAL_S = 3600.0
"""How long a build may take, and may wait for its turn, when the file doesn't say."""


def expand(
    build: CloudBuild, source: Source, given: Mapping[str, str], *, build_id: str, trigger: str = ""
) -> BuildSpec:
    """What is to be done. `given` are substitutions from whoever starts the build; they go before the file's.

    A build of a `trigger` is always loose about keys and always evaluates expressions, as with Google. Raises BadInput with every
    problem.
    """
    say = Complaints(build.file, build.places, warnings=list(build.warnings))
    for key, value in given.items():
        wrong = wrong_pair(key, value, of_the_build=True)
        if wrong:
            say.wrong(("substitutions", key), *wrong, CODE)
    say.end()
    found = _Expansion(build.draft, _substitutions(build, source, given, build_id, trigger, say), say).spec()
    say.end()
    return found.model_copy(update={"warnings": tuple(text for _, text in sorted(set(say.warnings)))})


def _substitutions(
    build: CloudBuild, source: Source, given: Mapping[str, str], build_id: str, trigger: str, say: Complaints
) -> Substitutions:
    draft, options, triggered = build.draft, build.draft.options, bool(trigger)
    user = {**draft.substitutions, **{key: value for key, value in given.items() if key not in OF_THE_BUILD}}
    if trigger:
        user = {key: value for key, value in user.items() if key not in OF_THE_TRIGGER}
    builtin = built_in(source, build_id, {**draft.substitutions, **given}, trigger, build.file)
    found = Substitutions(builtin, user, say, loose=triggered or options.substitution_option == "ALLOW_LOOSE")
    if triggered or options.dynamic_substitutions:
        found.resolve()
    else:
        for key in found.literal():
            say.warn(("substitutions", key), "stays as it is written: options.dynamicSubstitutions would evaluate it")
    return found


class _Expansion:
    """One build under way from the draft to the spec."""

    def __init__(self, draft: BuildDraft, known: Substitutions, say: Complaints) -> None:
        self.draft, self.known, self.say = draft, known, say
        self.ids = names(draft.steps)

    def spec(self) -> BuildSpec:
        draft, known = self.draft, self.known
        steps = tuple(self._step(at, step) for at, step in enumerate(draft.steps))
        path = ("images",) if draft.images else ("artifacts", "images")
        images = [
            image(known.apply(one, (*path, at)), (*path, at), self.say)
            for at, one in enumerate(draft.images or draft.artifacts.images)
        ]
        spec = BuildSpec(
            steps=steps,
            timeout_s=draft.timeout or USUAL_S,
            queue_ttl_s=draft.queue_ttl or USUAL_S,
            images=tuple(dict.fromkeys(images)),
            artifacts=self._artifacts(),
            tags=tags([known.apply(one, ("tags", at)) for at, one in enumerate(draft.tags)], self.say),
            substitutions={key: value for key, value in known.values.items() if value and key not in DEFAULTS},
        )
        if not known.loose:
            say_unused(known.said_and_unused(), self.say)
        return spec

    def _step(self, at: int, step: StepDraft) -> BuildStep:
        here = ("steps", at)
        name = self.known.apply(step.name, (*here, "name"))
        args = self._texts(step.args or (), (*here, "args"), LONGEST_ARG)
        fits = self.known.takes(len(step.script or ""), (*here, "script"))
        common = BuildStep(
            id=self.ids[at],
            args=args,
            directory=folder(self.known.apply(step.dir, (*here, "dir")), (*here, "dir"), self.say),
            waits_for=positions(self.draft.steps, at),
            timeout_s=step.timeout,
            allow_failure=step.allow_failure and not step.allow_exit_codes,
            allowed_codes=tuple(sorted(set(step.allow_exit_codes))),
        )
        environment = self._environment(at, step)
        if is_verb(name):
            return verb_step(name, step, common, here, self.say)
        size_bytes = sum(len(one.encode()) for one in (*args, *environment))
        if size_bytes > LARGEST_STEP:
            wrong = f"has {size_bytes} bytes of arguments and variables"
            self.say.wrong(here, wrong, f"write at most {LARGEST_STEP}; {INTO_A_FILE}")
        entrypoint = self.known.apply(step.entrypoint or "", (*here, "entrypoint"))
        return common.model_copy(
            update={
                "image": image(name, (*here, "name"), self.say),
                "entrypoint": entrypoint or None,
                "script": step.script if fits else "",
                "environment": environment,
                "volumes": _volumes([*self.draft.options.volumes, *step.volumes]),
            }
        )

    def _texts(self, values: Iterable[str], path: tuple[str | int, ...], longest: int = LONGEST_ENV) -> tuple[str, ...]:
        return tuple(self.known.apply(one, (*path, at), longest) for at, one in enumerate(values))

    def _environment(self, at: int, step: StepDraft) -> tuple[str, ...]:
        """Substitutions that are mapped, then the build's variables, then the step's: the last word on a name counts."""
        options, found = self.draft.options, dict[str, str]()
        mapped = options.automap_substitutions if step.automap_substitutions is None else step.automap_substitutions
        if mapped and self.known.takes(sum(map(len, self.known.values.values())), ("steps", at, "env")):
            found = dict(self.known.values)
            self.known.used.update(self.known.user)
        for path, entries in ((("options", "env"), options.env), (("steps", at, "env"), step.env)):
            for number, entry in enumerate(self._texts(entries, path)):
                if len(entry.encode()) > LONGEST_ENV:
                    wrong = f"becomes {len(entry.encode())} bytes long"
                    self.say.wrong((*path, number), wrong, f"at most {LONGEST_ENV}; {INTO_A_FILE}")
                name, _, value = entry.partition("=")
                if not names_a_variable(name):
                    self.say.wrong((*path, number), f"becomes {shown(entry)}, which names no variable", NAMED)
                found[name] = value
        return tuple(f"{name}={value}" for name, value in found.items())

    def _artifacts(self) -> Artifacts | None:
        objects = self.draft.artifacts.objects
        if objects is None:
            return None
        here = ("artifacts", "objects")
        paths = self._texts(objects.paths, (*here, "paths"))
        place = self.known.apply(objects.location, (*here, "location"))
        return Artifacts(
            location=location(place, (*here, "location"), self.say),
            paths=kept_paths(paths, (*here, "paths"), self.say),
        )


def _volumes(volumes: Iterable[VolumeDraft]) -> tuple[StepVolume, ...]:
    return tuple(StepVolume(name=one.name, path=one.path.rstrip("/")) for one in volumes)
