"""The chain: what is quick must never believe what is strict wouldn't, and the other way round."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stoneware.decide import chain as module
from stoneware.decide.chain import Chain, Written
from stoneware.decide.checkpoints import contradiction
from stoneware.model.checkpoint import Checkpoint
from stoneware.model.ledger import GENESIS, Fact, canonical, compact, entry_hash

words = st.one_of(st.text(alphabet='ab ,:{}"\\!~\x7fé\n', max_size=6), st.sampled_from(["web", "web secret X", "web!"]))
facts = st.builds(
    Fact, verb=words, subject=words, actor=words, reason=words, details=st.dictionaries(words, words, max_size=4)
)
times = st.floats(0, 4e9, allow_nan=False)


def written(seq: int, at: float, fact: Fact, previous: str) -> Written:
    digest = entry_hash(seq, at, fact, previous)
    return seq, at, fact.subject, compact(canonical(fact)), previous, digest


def chained(count: int) -> list[Written]:
    rows: list[Written] = []
    for number in range(1, count + 1):
        previous = rows[-1][5] if rows else GENESIS
        rows.append(written(number, float(number), Fact(verb="v", subject=f"web/{number}", actor="ann"), previous))
    return rows


@settings(deadline=None, max_examples=300, derandomize=True)
@given(fact=facts, at=times)
def test_every_entry_that_was_written_holds(fact: Fact, at: float) -> None:
    row = written(1, at, fact, GENESIS)
    assert Chain().follow([row]) is None
    assert module._is_sound(*row)


@settings(deadline=None, max_examples=300, derandomize=True)
@given(
    fact=facts, at=times, place=st.integers(0, 10_000), letter=st.sampled_from('x "\\,}{:\n\x00é'), insert=st.booleans()
)
def test_a_changed_letter_is_found_whoever_looks(fact: Fact, at: float, place: int, letter: str, insert: bool) -> None:
    row = written(1, at, fact, GENESIS)
    text = row[3]
    where = place % len(text)
    changed = text[:where] + letter + text[where + (0 if insert else 1) :]
    forged = (*row[:3], changed, *row[4:])
    try:
        same = json.loads(changed) == json.loads(text)
    except ValueError:
        same = False
    assert (Chain().follow([forged]) is None) is same, "blanks between the words of JSON change nothing"


@settings(deadline=None, max_examples=100, derandomize=True)
@given(fact=facts, at=times)
def test_entries_of_earlier_versions_hold(fact: Fact, at: float) -> None:
    row = written(1, at, fact, GENESIS)
    earlier = json.dumps(fact.model_dump(mode="json"))
    assert Chain().follow([(*row[:3], earlier, *row[4:])]) is None


FORGED = {
    "a key twice": '{"actor":"a","details":{"k":"1","k":"1"},"reason":"","subject":"s","verb":"v"}',
    "keys out of order": '{"actor":"a","details":{"l":"1","k":"1"},"reason":"","subject":"s","verb":"v"}',
    "a comma too many": '{"actor":"a","details":{"k":"1",},"reason":"","subject":"s","verb":"v"}',
    "a word too many": '{"actor":"a","details":{"k":"1"},"reason":"","subject":"s","verb":"v","x":"1"}',
    "another subject": '{"actor":"a","details":{"subject":"s"},"reason":"","subject":"t","verb":"v"}',
}


@pytest.mark.parametrize("body", FORGED.values(), ids=FORGED)
def test_what_was_never_written_so_is_not_believed_though_its_hash_fits(body: str) -> None:
    digest = hashlib.sha256(f'{{"at":1.0,"fact":{body},"previous":"{GENESIS}","seq":1}}'.encode()).hexdigest()
    assert Chain().follow([(1, 1.0, "s", body, GENESIS, digest)]) == "entry 1 was changed"


@pytest.mark.parametrize("bad", [None, 1, b"{}", "", "null", "[]"])
@pytest.mark.parametrize("column", [1, 2, 3, 5])
def test_a_column_of_another_kind_is_a_change(bad: Any, column: int) -> None:
    row = [*chained(1)[0]]
    row[column] = bad
    assert Chain().follow([tuple(row)]) == "entry 1 was changed"


def test_an_order_that_was_changed_is_called_so() -> None:
    rows = chained(5)
    assert Chain().follow([*rows[:2], rows[3], rows[2], rows[4]]) == (
        "entry 4 stands before entry 3: the order was changed"
    )
    assert Chain().follow([*rows[:2], *rows[3:]]) == "entry 3 is missing"


def at(seq: int, rows: list[Written], digest: str = "") -> Checkpoint:
    return Checkpoint(seq=seq, hash=digest or (rows[seq - 1][5] if seq else GENESIS), at=0.0)


def compared(rows: list[Written], *checkpoints: Checkpoint) -> str | None:
    chain = Chain(one.seq for one in checkpoints)
    assert chain.follow(rows) is None
    return contradiction(chain, checkpoints)


def test_checkpoints_tell_what_was_cut_off_or_written_anew() -> None:
    rows = chained(9)
    assert compared(rows, at(0, rows), at(3, rows), at(9, rows)) is None
    said = "the checkpoint of 1970-01-01 00:00 UTC"
    assert compared(rows[:5], at(3, rows), at(9, rows)) == (f"entry 6 is missing: {said} has 9 entries, the ledger 5")
    assert compared(rows, at(3, rows), at(7, rows, "f" * 64)) == (
        f"one of the entries 4 to 7 was written anew: {said} has another entry 7"
    )
    assert compared(rows, at(3, rows), at(4, rows, "f" * 64)) == (
        f"entry 4 was written anew: {said} has another entry 4"
    )
