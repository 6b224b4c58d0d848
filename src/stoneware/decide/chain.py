"""Whether entries of the ledger, as they are written, follow from each other: quick where all is well, strict where it isn't.

Entries are written in the very form that their hash is taken of, and nearly all hold nothing but printable ASCII and its escapes.
Of such a one the text as it stands either gives that hash, which proves the entry, or the strict reading decides; so it does of
entries of earlier versions, which were written with blanks and in another order.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Sequence, Set
from operator import lt
from typing import Any

from stoneware.model.ledger import GENESIS, Fact, entry_hash

_PLAIN = r"[ !#-\[\]-~]*+"
_ESCAPED = r'\\(?:["\\nrtbf]|u00[0-9a-f]{2})'
_TEXT = f'"{_PLAIN}(?:{_ESCAPED}{_PLAIN})*+"'
_PAIR = f'"{_PLAIN}":{_TEXT}'
_plain_fact = re.compile(
    f'{{"actor":{_TEXT},"details":{{((?:{_PAIR}(?:,{_PAIR})*+)?)}},"reason":{_TEXT},"subject":"({_PLAIN})","verb":{_TEXT}}}'
).fullmatch
_keys = re.compile(f'"({_PLAIN})":{_TEXT}').findall
_sha256 = hashlib.sha256

Written = tuple[Any, Any, Any, Any, Any, Any]
"""An entry as it stands in a table or a file, believed in nothing: number, time, subject, fact (JSON), previous hash, hash."""


class Chain:
    """Entries are followed in order, from the first on. `seq` and `head` are the number and hash of the last that holds.

    `wanted` are the numbers whose hashes are asked for; `known` has those that came by.
    """

    def __init__(self, wanted: Iterable[int] = ()) -> None:
        self.seq, self.head = 0, GENESIS
        self.known: dict[int, str] = {}
        self._wanted = frozenset(wanted)

    def follow(self, entries: Sequence[Written]) -> str | None:
        """Goes on with more entries. None while each follows from the one before; else a sentence naming the first that doesn't."""
        for seq, at, subject, fact, previous, digest in entries:
            if seq != self.seq + 1:
                return self._misplaced(seq, {one[0] for one in entries})
            if previous != self.head:
                return f"entry {seq} doesn't follow from entry {self.seq}"
            if not (_is_plainly_sound(seq, at, subject, fact, previous, digest)) and not _is_sound(
                seq, at, subject, fact, previous, digest
            ):
                return f"entry {seq} was changed"
            self.seq, self.head = seq, digest
            if seq in self._wanted:
                self.known[seq] = digest
        return None

    def _misplaced(self, seq: object, all_of_them: Set[object]) -> str:
        if isinstance(seq, int) and seq > self.seq + 1:
            if self.seq + 1 in all_of_them:
                return f"entry {seq} stands before entry {self.seq + 1}: the order was changed"
            return f"entry {self.seq + 1} is missing"
        return f"entry {seq} was never written by Stoneware"


def _is_plainly_sound(seq: Any, at: Any, subject: Any, fact: Any, previous: Any, digest: Any) -> bool:
    """Whether an entry of plain text has its hash. False says nothing yet."""
    match = _plain_fact(fact) if type(fact) is str and type(at) is float else None
    if match is None:
        return False
    details, named = match.groups()
    if named != subject or (details and not _ascend(_keys(details))):
        return False
    whole = f'{{"at":{at!r},"fact":{fact},"previous":"{previous}","seq":{seq}}}'
    return bool(_sha256(whole.encode()).hexdigest() == digest)


def _ascend(keys: Sequence[str]) -> bool:
    """Whether they are in order, none of them twice."""
    return len(keys) < 2 or all(map(lt, keys, keys[1:]))


def _is_sound(seq: Any, at: Any, subject: Any, fact: Any, previous: Any, digest: Any) -> bool:
    """Whether what is written is the fact that its hash was taken of, and the column that is searched says the same."""
    try:
        read = Fact.model_validate_json(fact)
        expected = entry_hash(seq, at, read, previous)
    except (TypeError, ValueError):
        return False
    whole = json.loads(fact) == read.model_dump(mode="json")
    return bool(whole and subject == read.subject and digest == expected)
