"""Who is made anew now: within the budget, with pauses, and nobody when too many are sick at once."""

from __future__ import annotations

import pytest

from stoneware.decide.healing import Condition, Relapses, heal

NOW = 10_000.0


def unwell(*names: str) -> list[Condition]:
    """`a` is sick, `!a` lost, `~a` tainted, `a:2` was made anew twice until 15 seconds ago."""
    found = []
    for name in names:
        stem, _, times = name.lstrip("!~").partition(":")
        relapses = Relapses(int(times), NOW - 15) if times else Relapses()
        lost, tainted = name.startswith("!"), name.startswith("~")
        found.append(Condition(stem, "HTTP 500", lost=lost, tainted=tainted, relapses=relapses))
    return found


# size, unavailable, who is unwell -> revived, replaced, left
CASES: list[tuple[int, int, str, str, str, str]] = [
    (1, 0, "a", "", "a", ""),
    (2, 0, "a", "", "a", ""),
    (2, 0, "a b", "", "a", "b"),
    (3, 0, "a", "", "a", ""),
    (3, 0, "a b", "", "", "a b"),
    (3, 2, "a b c", "", "", "a b c"),
    (10, 0, "a b c", "", "a", "b c"),
    (10, 1, "a b c", "", "a b", "c"),
    (10, 5, "a b c", "", "a b c", ""),
    (10, 5, "a b c d", "", "", "a b c d"),
    (100, 0, " ".join(f"m{n:02}" for n in range(34)), "", "m00", " ".join(f"m{n:02}" for n in range(1, 34))),
    (100, 0, " ".join(f"m{n:02}" for n in range(35)), "", "", " ".join(f"m{n:02}" for n in range(35))),
    # what died takes nothing away when it comes back, and has its share of the budget
    (3, 0, "!a !b !c", "a b c", "", ""),
    (10, 0, "!a b", "a", "", "b"),
    (10, 1, "!a b", "a", "b", ""),
    (3, 0, "!a b", "a", "", "b"),
    # pauses: 10 s after the first time, 20 s after the second
    (10, 0, "a:1", "", "a", ""),
    (10, 0, "a:2", "", "", "a"),
    (10, 0, "a:2 b", "", "b", "a"),
    (10, 0, "!a:2", "", "", ""),
    (10, 0, "!a:2 b:1", "", "", "b"),
    # a tainted machine says nothing about image or network, and comes after those that don't serve
    (3, 0, "~a ~b ~c", "", "a", "b c"),
    (3, 2, "~a ~b ~c", "", "a b c", ""),
    (10, 0, "~a b", "", "b", "a"),
    (10, 1, "~a b", "", "b a", ""),
    (10, 0, "!a ~b", "a", "", "b"),
    (3, 0, "~a b c", "", "", "b c a"),
]


@pytest.mark.parametrize(("size", "unavailable", "who", "revived", "replaced", "left"), CASES)
def test_who_is_made_anew(size: int, unavailable: int, who: str, revived: str, replaced: str, left: str) -> None:
    found = heal("web", size, unavailable, unwell(*who.split()), NOW)
    said = [" ".join(one.name for one in part) for part in (found.revive, found.replace, found.leave)]
    assert said == [revived, replaced, left]


def test_each_that_nothing_is_done_about_is_spoken_of() -> None:
    [storm] = heal("web", 4, 0, unwell("a", "b", "c", "d"), NOW).because
    assert storm == (
        "4 of 4 machines of group web are unwell at once, more than 34 %: the image or the network is at fault, "
        "so none that runs is replaced; a (HTTP 500), b (HTTP 500), c (HTTP 500) and 1 more"
    )
    turn, pause = heal("web", 10, 0, unwell("a", "b", "c:2"), NOW).because
    assert turn == "b (HTTP 500): sick, and waiting for their turn"
    assert heal("web", 3, 0, unwell("~a", "~b"), NOW).because == ("b (HTTP 500): tainted, and waiting for their turn",)
    assert heal("web", 10, 0, unwell("a", "b", "~c"), NOW).because == (
        "b (HTTP 500), c (HTTP 500): unwell, and waiting for their turn",
    )
    assert pause == "c was made anew 2 times lately and is unwell again (HTTP 500); it is its turn in 5s"


def test_pauses_double_up_to_a_quarter_of_an_hour() -> None:
    relapses, pauses = Relapses(), []
    assert relapses.not_before() == 0
    for _ in range(9):
        relapses = relapses.again(NOW)
        pauses.append(relapses.not_before() - NOW)
    assert pauses == [10, 20, 40, 80, 160, 320, 640, 900, 900]


def test_an_hour_of_health_is_forgiveness() -> None:
    relapses = Relapses().again(NOW)
    assert not relapses.over(NOW + 3599)
    assert relapses.over(NOW + 3600)


def test_a_clock_that_is_set_back_holds_nothing_up() -> None:
    again = Condition("a", "HTTP 500", relapses=Relapses(5, NOW))
    assert heal("web", 10, 0, [again], NOW - 5000).replace == (again,)
    assert again.relapses.over(NOW - 5000)
