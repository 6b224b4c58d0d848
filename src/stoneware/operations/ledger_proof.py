"""The ledger proven: as it stands in the store, or in a file that was exported, by who has nothing but the public key."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from stoneware.decide.chain import Chain, Written
from stoneware.decide.checkpoints import contradiction
from stoneware.errors import BadInput, Refused
from stoneware.host.signing_key import PublicKey
from stoneware.host.trusted_keys import believed_keys
from stoneware.model.checkpoint import Checkpoint, Verdict
from stoneware.model.ledger import LedgerEntry, compact
from stoneware.operations.checkpoints import Checkpoints, read_lines
from stoneware.outside import parsed

BATCH = 2000
FIELDS = {"seq", "at", "fact", "previous", "hash"}


def prove_store(
    checkpoints: Checkpoints, more: Sequence[str] = (), name: str = "the checkpoints that were given"
) -> Verdict:
    """Every entry, and whether it is the ledger that the checkpoints of this home speak of, and those of `more` (lines).

    Raises Refused for a line of `more` that is no checkpoint by a key that is believed here.
    """
    given = read_lines(more, believed_keys(checkpoints.home), name)
    try:
        own, spoiled = checkpoints.read(), None
    except Refused as wrong:
        own, spoiled = [], wrong.message
    every = [*own, *given]
    chain = Chain(one.seq for one in every)
    problem = checkpoints.store.ledger.follow(chain)
    return _verdict(chain, problem or contradiction(chain, every) or spoiled, every)


def prove_file(path: Path, keys: Mapping[str, PublicKey], more: Sequence[str] = (), name: str = "") -> Verdict:
    """The same of an exported file, without a store. It must end in a checkpoint of its last entry.

    Raises BadInput for a file that is no export, Refused for a checkpoint that isn't by one of `keys`.
    """
    given = read_lines(more, keys, name)
    signed = read_lines([line for line in _lines(path) if _is_envelope(line)], keys, path.name)
    every = [*signed, *given]
    chain = Chain(one.seq for one in every)
    entries = (_written(path, line) for line in _lines(path) if not _is_envelope(line))
    problem = None
    while problem is None and (some := list(islice(entries, BATCH))):
        problem = chain.follow(some)
    problem = problem or contradiction(chain, every)
    if problem is None and chain.seq not in [one.seq for one in signed]:
        problem = f"it was cut off: no checkpoint speaks of its last entry, {chain.seq}"
    return _verdict(chain, problem, every)


def entry_line(entry: Mapping[str, Any]) -> str:
    """An entry as a line of an export."""
    return json.dumps({name: entry[name] for name in LedgerEntry.model_fields})


def _verdict(chain: Chain, problem: str | None, checkpoints: Sequence[Checkpoint]) -> Verdict:
    return Verdict(problem=problem, entries=chain.seq, head=chain.head, checkpoints=len(checkpoints))


def _lines(path: Path) -> Iterator[str]:
    with path.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            yield line.rstrip("\n")


def _is_envelope(line: str) -> bool:
    return line.startswith('{"payload"')


def _written(path: Path, line: str) -> Written:
    """A line as what it claims to be; the chain believes nothing of it. Raises BadInput."""
    try:
        read = parsed(line)
        if read.keys() != FIELDS:
            raise ValueError
        fact = read["fact"]
        return read["seq"], read["at"], fact["subject"], compact(fact), read["previous"], read["hash"]
    except (ValueError, TypeError, KeyError, AttributeError):
        raise BadInput(
            f"{path} has a line that is neither an entry nor a checkpoint: {line[:60]!r}",
            next_step="give a file that `stoneware ledger export` wrote",
        ) from None
