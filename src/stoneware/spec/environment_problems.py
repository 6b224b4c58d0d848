"""What is wrong with environments and promotions as a whole: names that lead nowhere, and what fits over nothing."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import ValidationError

from stoneware.model.deployment import DeploymentSpec, group_ports
from stoneware.model.document import Document
from stoneware.model.noun import Noun
from stoneware.model.promotion_spec import PromotionSpec, PromotionTest
from stoneware.names import NAME, environment_deployment
from stoneware.spec.environments import merged, unknown_names
from stoneware.spec.words import near, words

Found = tuple[tuple[str | int, ...], str, str]
"""Where (path), what is wrong, what would be right."""


def environment_problems(document: Document) -> Iterator[Found]:
    """Every such problem."""
    taken: dict[str, str] = {name: f"deployment {name}" for name in document.deployments}
    for environment, deployments in document.environments.items():
        for name, override in deployments.items():
            place = ("environments", environment, name)
            if name not in document.deployments:
                wrong = f"there is no deployment {name!r}"
                yield place, wrong, near(name, [*document.deployments], "declared here")
                continue
            yield from _name(place, environment_deployment(name, environment), taken)
            yield from _override(place, document.deployments[name], override)
    for environment, gates in document.promotions.items():
        yield from _promotion(environment, gates, document)


def _name(place: tuple[str, ...], name: str, taken: dict[str, str]) -> Iterator[Found]:
    if not NAME.fullmatch(name):
        yield (
            place,
            f"{name} would be too long for a name: {len(name)} characters",
            "shorten one of the two, to 40 together",
        )
    elif name in taken:
        yield place, f"it would be called {name}, as {taken[name]} is", "choose another name"
    taken.setdefault(name, f"{place[2]} in {place[1]}")


def _override(place: tuple[str, ...], base: DeploymentSpec, override: Noun) -> Iterator[Found]:
    unknown = unknown_names(base, override)
    for path, known in unknown:
        kind = path[-2].removesuffix("s")
        wrong = f"{place[-1]} has no {kind} {path[-1]!r}, and an environment can't add one"
        yield (*place, *path), wrong, near(path[-1], known, f"it has {path[-2]}")
    if unknown:
        return
    try:
        merged(base, override)
    except ValidationError as invalid:
        for error in invalid.errors():
            where = (*place, *error["loc"])
            yield (where, *words(error, where))


def _promotion(environment: str, gates: PromotionSpec, document: Document) -> Iterator[Found]:
    place = ("promotions", environment)
    known = [*document.environments]
    if environment not in known:
        yield place, f"there is no environment {environment!r}", near(environment, known, "known")
        return
    if gates.after not in known:
        yield (*place, "after"), f"there is no environment {gates.after!r}", near(gates.after, known, "known")
        return
    if environment in _before(environment, document):
        wrong = f"{environment} comes after itself"
        yield (*place, "after"), wrong, "let the first environment have no promotion: it is deployed to"
        return
    before = document.environments[gates.after]
    for name in document.environments[environment]:
        if name not in before:
            wrong = f"{name} isn't in {gates.after}, so nothing can come from there"
            yield ("environments", environment, name), wrong, f"write it there too: {gates.after}: {{ {name}: {{}} }}"
    for at, test in enumerate(gates.test):
        yield from _test((*place, "test", at), test, gates.after, document)


def _before(environment: str, document: Document) -> list[str]:
    """The environments that images of this one have been in, until there is none or it goes round."""
    found: list[str] = []
    here = environment
    while (gates := document.promotions.get(here)) and gates.after not in found:
        found.append(gates.after)
        here = gates.after
    return found


def _test(place: tuple[str | int, ...], test: PromotionTest, after: str, document: Document) -> Iterator[Found]:
    specs = [document.deployments[name] for name in document.environments[after] if name in document.deployments]
    having = [spec for spec in specs if test.group in spec.groups]
    if not having:
        known = sorted({group for spec in specs for group in spec.groups})
        yield (*place, "group"), f"nothing in {after} has a group {test.group!r}", near(test.group, known, "known")
        return
    ports = sorted({port for spec in having for port in group_ports(spec, test.group)})
    if test.probe.port not in ports:
        wrong = f"nobody can ask port {test.probe.port} of {test.group}"
        yield place, wrong, f"ask one of its services' or its health check's: {', '.join(map(str, ports))}"
