"""Inside: what a machine says of itself, against its image and what that image's boot test saw."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from stoneware.decide.drift.sight import ImageFacts, Sight, is_silent
from stoneware.model.drift import Drift, Severity
from stoneware.model.evidence import Evidence, Inside
from stoneware.model.machine import WantedMachine

MOST_PLACES = 20
"""How many paths, ports or units of one kind are told one by one: who wrote ten thousand files is told so."""
IN_MEMORY = ("/dev/shm/", "/run/", "/tmp/", "/var/tmp/", "memfd:", "/memfd:")  # noqa: S108
DELETED = " (deleted)"


def inside_drifts(sight: Sight) -> Iterator[Drift]:
    """Every difference inside declared machines that serve."""
    for wanted, machine in sight.serving:
        evidence, facts = sight.evidence.get(wanted.name), sight.images.get(wanted.digest)
        if evidence is None or facts is None:
            continue
        if evidence.inside is None:
            if not sight.busy:  # one that is being stopped has nothing to say any more
                yield sight.differs("inside.silent", wanted.name, "an answer", evidence.silence or "no answer")
            continue
        if is_silent(machine):
            continue  # it answered just now, and says next time that it serves
        yield from _layers(sight, wanted, evidence.inside, facts)
        yield from _changed(sight, wanted, evidence)
        if facts.record is not None:
            yield from _against_record(sight, wanted, evidence.inside, facts.record, facts.manifest.writable)


def _layers(sight: Sight, wanted: WantedMachine, inside: Inside, facts: ImageFacts) -> Iterator[Drift]:
    """A container has no kernel of its own: its host looks after its files."""
    if sight.release.spec.engine == "container":
        return
    declared = [verity.root_hash for verity in facts.manifest.layers]
    enforced = [layer.root_hash for layer in inside.layers]
    for number in range(max(len(declared), len(enforced))):
        expected, found = _at(declared, number), _at(enforced, number)
        if expected != found:
            yield sight.differs("inside.root-hash", wanted.name, expected, found, where=f"layer-{number}")
    for number, layer in enumerate(inside.layers):
        if layer.corrupted:
            where, why = f"layer-{number}", "a block that doesn't match its hash"
            yield sight.differs("inside.corrupted", wanted.name, "every block matches", why, where=where)


def _at(hashes: Sequence[str], number: int) -> str:
    return hashes[number] if number < len(hashes) else "no layer"


def _changed(sight: Sight, wanted: WantedMachine, evidence: Evidence) -> Iterator[Drift]:
    inside = evidence.inside or Inside()
    name = wanted.name
    for path, found in _told(inside.written, "written"):
        yield sight.differs("inside.written", name, "as in the image", found, where=path)
    # while an operation is under way its disks come and go
    coming = tuple(one.mount for one in wanted.disks) if sight.busy else ()
    for path, found in _told(_but(coming, inside.mounted), "something is mounted"):
        yield sight.differs("inside.mounted", name, "nothing is mounted", found, where=path)
    for path, found in _told(_but(coming, inside.unmounted), "another thing, or nothing"):
        yield sight.differs("inside.mounted", name, "mounted as it was made", found, where=path)
    if name not in sight.taints:  # a session of break-glass is told by its taint
        for session, found in _told(inside.sessions, "a login"):
            yield sight.differs("inside.session", name, "nobody is logged in", found, where=session)


def _but(places: Collection[str], paths: Collection[str]) -> list[str]:
    """The paths that aren't at one of these places, or below."""
    return [path for path in paths if not any(path == place or path.startswith(f"{place}/") for place in places)]


def _against_record(
    sight: Sight, wanted: WantedMachine, inside: Inside, record: Inside, writable: Sequence[str]
) -> Iterator[Drift]:
    name = wanted.name
    # what a deployment declares is expected, whether or not the boot test's machine had it
    ports = {*record.listening, *(f"tcp/{port}" for port in wanted.ports)}
    for port, found in _told(_more(inside.listening, ports), "listens"):
        yield sight.differs("inside.port", name, "nobody listens", found, where=port)
    for unit, found in _told(_more(inside.units, record.units), "active"):
        yield sight.differs("inside.unit", name, "not active", found, where=unit)
    for program, found in _told(_more(inside.programs, record.programs), "runs"):
        severity = Severity.CRITICAL if _is_foreign(program, writable) else None
        yield sight.differs("inside.program", name, "doesn't run", found, where=program, severity=severity)
    if sight.busy or not (inside.complete and record.complete):
        return
    for port, found in _told(_more(record.listening, inside.listening), "nobody listens"):
        yield sight.differs("inside.port", name, "listens", found, where=port, severity=Severity.WARNING)
    for unit, found in _told(_more(record.units, inside.units), "not active"):
        yield sight.differs("inside.unit", name, "active", found, where=unit)


def _is_foreign(program: str, writable: Sequence[str]) -> bool:
    """Whether a program's file can't be one of the image."""
    places = (*IN_MEMORY, *(f"{path}/" for path in writable))
    return program.startswith(places) or program.endswith(DELETED)


def _more(those: Collection[str], known: Collection[str]) -> list[str]:
    """Those that aren't known."""
    return sorted(set(those) - set(known))


def _told(places: Collection[str], found: str) -> Iterator[tuple[str, str]]:
    """Each place with what was found there; where there are too many, the rest in one."""
    first = sorted(places)[:MOST_PLACES]
    yield from ((place, found) for place in first)
    if len(places) > len(first):
        yield "and more", f"{found}, in {len(places) - len(first)} more places"
