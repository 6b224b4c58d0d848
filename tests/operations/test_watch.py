"""The watch asks in parallel, tolerates what may be tolerated, and stays cheap."""

from __future__ import annotations

import threading
from concurrent.futures import wait

import pytest

from stoneware.clock import ManualClock
from stoneware.model.deployment import HealthSpec
from stoneware.model.probe import Answer, HttpProbe, TcpProbe
from stoneware.operations.watch import MOST_PER_S, Patient, Watch

SPEC = HealthSpec.model_validate({"http": {"port": 80}, "interval": "2s", "timeout": "1s", "down": 3})


class Ward:
    """Machines that answer as told, and a count of who was asked."""

    def __init__(self, *names: str) -> None:
        self.clock = ManualClock()
        self.watch = Watch(self.clock)
        self.bad: dict[str, str] = {}
        self.asked: list[str] = []
        self.names = names
        self.follow(*names)

    def follow(self, *names: str, at: str = "") -> None:
        self.watch.follow(Patient(name, f"{name}{at}:80", SPEC, self.answer) for name in names)

    def answer(self, probe: HttpProbe | TcpProbe, address: str, timeout_s: float) -> Answer:
        name = address.split(":", maxsplit=1)[0].rstrip("+")
        self.asked.append(name)
        return Answer(ok=name not in self.bad, detail=self.bad.get(name, "HTTP 200"))

    def round(self, seconds: float = 2.0) -> dict[str, str]:
        wait(self.watch.look())
        self.clock.sleep(seconds)
        return self.watch.sick(self.names)


def test_each_is_asked_at_its_interval() -> None:
    ward = Ward("a", "b")
    for _ in range(8):
        ward.round(0.5)
    assert sorted(ward.asked) == ["a", "a", "b", "b"]


def test_sick_is_who_misses_as_often_as_declared_and_well_who_answers_as_often() -> None:
    ward = Ward("a", "b")
    ward.bad["a"] = "HTTP 500, expected 200"
    verdicts = [ward.round() for _ in range(4)]
    sick = {"a": "HTTP 500, expected 200"}
    assert verdicts == [{}, {}, sick, sick]
    ward.bad.clear()
    assert [ward.round() for _ in range(2)] == [{}, {}]


def test_one_good_answer_in_between_starts_the_count_again() -> None:
    ward = Ward("a")
    for _ in range(5):
        ward.bad["a"] = "no answer"
        assert (ward.round(), ward.round()) == ({}, {})
        ward.bad.clear()
        assert ward.round() == {}


def test_a_new_daemon_and_another_machine_of_the_same_name_start_anew() -> None:
    ward = Ward("a")
    ward.bad["a"] = "no answer"
    for _ in range(3):
        ward.round()
    assert "a" in ward.watch.sick(["a"])
    ward.follow("a", at="+")
    assert ward.watch.sick(["a"]) == {}
    for _ in range(3):
        ward.round()
    assert "a" in ward.watch.sick(["a"])
    ward.follow()
    ward.follow("a", at="+")
    assert ward.watch.sick(["a"]) == {}


def test_thousands_that_are_well_share_a_hundred_questions_a_second_and_a_doubtful_one_does_not_wait() -> None:
    names = [f"m{n}" for n in range(1000)]
    ward = Ward(*names)
    for _ in range(3):
        ward.round()  # all become settled
    ward.asked.clear()
    for _ in range(20):
        ward.round(1.0)
    assert len(ward.asked) <= 20 * MOST_PER_S * 1.2
    ward.bad["m7"] = "no answer"
    missed = 0
    while "m7" not in ward.watch.sick(names):
        missed += 1
        ward.round(1.0)
        assert missed <= 1000 / MOST_PER_S + 2 * 2 + 2


@pytest.mark.timeout(20)
def test_one_that_does_not_answer_holds_nobody_up_and_is_not_asked_twice_at_once() -> None:
    ward, hang = Ward("a", "b"), threading.Event()

    def slow(probe: HttpProbe | TcpProbe, address: str, timeout_s: float) -> Answer:
        ward.asked.append(address)
        if address.startswith("a"):
            hang.wait(15)
        return Answer(ok=True, detail="")

    ward.watch.follow(Patient(name, f"{name}:80", SPEC, slow) for name in "ab")
    questions = []
    for _ in range(4):
        questions += ward.watch.look()
        wait(questions[1:], timeout=5)
        ward.clock.sleep(2)
    assert ward.asked.count("a:80") == 1
    assert ward.asked.count("b:80") == 4
    hang.set()
    wait(questions)


def test_an_answer_that_comes_after_a_machine_was_let_go_is_nobodys() -> None:
    ward, hang = Ward("a"), threading.Event()

    def late(probe: HttpProbe | TcpProbe, address: str, timeout_s: float) -> Answer:
        hang.wait(5)
        return Answer(ok=False, detail="no answer")

    ward.watch.follow([Patient("a", "a:80", SPEC.model_copy(update={"down": 1}), late)])
    question = ward.watch.look()
    ward.follow()
    hang.set()
    wait(question)
    ward.follow("a")
    assert ward.watch.sick(["a"]) == {}
