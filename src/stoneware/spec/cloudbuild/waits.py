"""Who waits for whom: `waitFor` as positions of earlier steps."""

from __future__ import annotations

from collections.abc import Sequence

from stoneware.spec.cloudbuild.file import Complaints, StepDraft
from stoneware.spec.words import near
from stoneware.spec.yaml_lines import shown

AT_ONCE = "-"
"""In `waitFor`: what is always there, so that a step with only this starts at once."""

LONGEST_ID = 100


def positions(steps: Sequence[StepDraft], at: int) -> tuple[int, ...]:
    """The steps that one waits for; all before it when it names none."""
    wanted = steps[at].wait_for
    if not wanted:
        return tuple(range(at))
    ids = {step.id: place for place, step in enumerate(steps[:at]) if step.id}
    return tuple(sorted({ids[one] for one in wanted if one != AT_ONCE}))


def names(steps: Sequence[StepDraft]) -> tuple[str, ...]:
    """An id for each: its own, or `Step #3` counted from 0, as Google's logs call it."""
    taken = {step.id for step in steps}
    found = []
    for at, step in enumerate(steps):
        name = step.id or f"Step #{at}"
        while not step.id and name in taken:
            name += "'"
        found.append(name)
    return tuple(found)


def check_waits(steps: Sequence[StepDraft], say: Complaints) -> None:
    """Ids are unique; what is waited for is an earlier step."""
    first = _check_ids(steps, say)
    unsure = any(say.touches(("steps", at, "id")) for at in range(len(steps)))
    for at, step in enumerate(steps):
        for number, wanted in enumerate(step.wait_for):
            place = ("steps", at, "waitFor", number)
            if wanted == AT_ONCE or say.touches(place) or first.get(wanted, at) < at:
                continue
            if wanted and wanted == step.id:
                say.wrong(place, "waits for itself", "name steps before it, or '-' to start at once")
            elif wanted in first:
                say.wrong(place, f"{shown(wanted)} comes later", "move it up: a step waits for steps before it")
            elif not unsure:
                right = near(wanted, [one for one, found in first.items() if found < at], "steps before it with an id")
                say.wrong(place, f"no step has the id {shown(wanted)}", right)


def _check_ids(steps: Sequence[StepDraft], say: Complaints) -> dict[str, int]:
    """Which step has which id; ids stand in front of lines of the log and are one line themselves."""
    first: dict[str, int] = {}
    for at, step in enumerate(steps):
        here = ("steps", at, "id")
        if not step.id.isprintable() or len(step.id) > LONGEST_ID:
            say.wrong(here, "is no id", f"write one line of at most {LONGEST_ID} characters that can be shown")
        elif step.id == AT_ONCE:
            say.wrong(here, "'-' is no id: in waitFor it means that a step starts at once", "choose another")
        elif step.id in first:
            say.wrong(here, f"{shown(step.id)} is the id of step {first[step.id] + 1} already", "choose another")
        elif step.id:
            first[step.id] = at
        elif (here in say.places) and not say.touches(here):
            say.wrong(here, "is empty", "name the step, or leave the key out")
    return first
