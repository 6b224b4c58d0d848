"""The daemon dies before and after every effect and every commit of a story; a new one goes on. The end is always the same:
nothing leaks, nothing is done twice, nothing is missing from the ledger."""

from __future__ import annotations

from tests.support.simulation import Killed, World

Point = tuple[str, str, str, int]
"""When, verb, name, and how often it had happened before."""


def points_of(world: World, operation: str) -> tuple[list[Point], dict[str, object], str]:
    """Plays a story undisturbed: every moment at which it can be interrupted, the picture at its end, and its result."""
    seen: list[Point] = []

    def note(when: str, verb: str, name: str) -> None:
        seen.append((when, verb, name, sum(point[:3] == (when, verb, name) for point in seen)))

    world.watch = note
    end = world.run(operation)
    return [point for point in seen if is_telling(*point)], world.picture(), str(end.result)


def is_telling(when: str, verb: str, _name: str, earlier: int) -> bool:
    """Dying before a note is dying after what came before it; and a state that only waits commits the same again."""
    if verb == "commit":
        return when == "before" and earlier == 0
    return verb != "note" or when == "after"


def play_killed_at(world: World, operation: str, point: Point) -> str:
    """Plays it with one death. Returns the result."""
    count = 0

    def strike(when: str, verb: str, name: str) -> None:
        nonlocal count
        if (when, verb, name) == point[:3]:
            count += 1
            if count > point[3]:
                world.watch = lambda *_: None
                raise Killed

    world.watch = strike
    try:
        world.run(operation)
        raise AssertionError(f"{point} was not reached again")
    except Killed:
        world.restart()
    return str(world.run(operation).result)


def test_the_end_is_the_same_wherever_the_daemon_dies(story: tuple[World, str]) -> None:
    world, operation = story
    reference = world.copy()
    points, picture, result = points_of(reference, operation)
    reference.close()
    assert len(points) > 3, "the story has too few moments to be worth it"
    for point in points:
        twin = world.copy()
        try:
            assert play_killed_at(twin, operation, point) == result, point
            assert twin.picture() == picture, point
            assert twin.violations == [], point
            assert twin.store.ledger.verify() is None, point
        finally:
            twin.close()
