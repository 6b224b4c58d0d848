"""The checkpoints of this installation: signed with its key, kept in a file of the home, an envelope (DSSE) a line.

Who can write the database and read the key can write both anew. So the file is meant to be copied elsewhere.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydantic import ValidationError

from stoneware.clock import Clock
from stoneware.errors import Conflict, Refused
from stoneware.host.home import Home
from stoneware.host.signing_key import PublicKey, SigningKey, installation_key
from stoneware.host.trusted_keys import believed_keys
from stoneware.model.checkpoint import CHECKPOINT_TYPE, Checkpoint
from stoneware.model.envelope import Envelope, Signature, decoded, encoded, pae
from stoneware.model.quantity import format_moment
from stoneware.store.store import Store

LONGEST_LINE = 4096


@dataclass(frozen=True)
class Checkpoints:
    """`make` notes where the ledger ends now; `read` gives back what was noted."""

    store: Store
    home: Home
    clock: Clock

    def make(self) -> tuple[Checkpoint, str]:
        """A checkpoint of now, and its line. The same end as the last one: that one, once more.

        Raises Conflict when the ledger no longer has what the last one says: then nothing is signed.
        """
        lines = self.lines()
        seq, head = self.store.ledger.end()
        last = read_lines(lines[-1:], believed_keys(self.home), self.home.checkpoints.name)[0] if lines else None
        if last is not None and self.store.ledger.hash_of(last.seq) != last.hash:
            raise Conflict(
                f"the ledger has another entry {last.seq} than the checkpoint of {format_moment(last.at)} says",
                "`stoneware ledger verify` says what was changed; nothing is signed over it",
            )
        if last is not None and (last.seq, last.hash) == (seq, head):
            return last, lines[-1]
        fresh = Checkpoint(seq=seq, hash=head, at=self.clock.now())
        line = signed(fresh, installation_key(self.home))
        _append(self.home, line)
        return fresh, line

    def lines(self) -> list[str]:
        """The file, line by line. What a crash has cut short was never a checkpoint."""
        path = self.home.checkpoints
        whole = path.read_text(errors="replace").rpartition("\n")[0] if path.exists() else ""
        return whole.splitlines()

    def size_bytes(self) -> int:
        """Of the file, which only ever grows; 0 where there is none yet."""
        return self.home.checkpoints.stat().st_size if self.home.checkpoints.exists() else 0

    def read(self) -> list[Checkpoint]:
        """All that were made here. Raises Refused naming the line that isn't one of ours any more."""
        return read_lines(self.lines(), believed_keys(self.home), self.home.checkpoints.name)


def signed(checkpoint: Checkpoint, key: SigningKey) -> str:
    """A checkpoint in its envelope, as one line."""
    payload = checkpoint.model_dump_json().encode()
    signature = Signature(keyid=key.public.id, sig=encoded(key.sign(pae(CHECKPOINT_TYPE, payload))))
    return Envelope(payload=encoded(payload), payloadType=CHECKPOINT_TYPE, signatures=[signature]).to_json().decode()


def read_lines(lines: Sequence[str], keys: Mapping[str, PublicKey], file: str) -> list[Checkpoint]:
    """The checkpoints of a file. `keys` are those that are believed, by id. Raises Refused naming the line and what is wrong."""
    return [_read(line, keys, f"{file}, line {number}") for number, line in enumerate(lines, 1)]


def _read(line: str, keys: Mapping[str, PublicKey], place: str) -> Checkpoint:
    if len(line) > LONGEST_LINE:
        raise Refused(f"{place}: this is no checkpoint")
    try:
        envelope = Envelope.from_json(line.encode())
        payload = decoded(envelope.payload, "payload")
        known = [one for one in envelope.signatures if one.keyid in keys]
        sound = [one for one in known if _holds(envelope, payload, one, keys[one.keyid])]
    except Refused:
        raise Refused(f"{place}: this is no signed checkpoint") from None
    if not known:
        raise Refused(
            f"{place}: the checkpoint is signed by a key that isn't believed here",
            "give the public key of the installation that made it",
        )
    if len(sound) < len(known):
        raise Refused(f"{place}: the checkpoint was changed, or isn't by the key that it names")
    try:
        return Checkpoint.model_validate_json(payload)
    except ValidationError:
        raise Refused(f"{place}: this is no checkpoint of a ledger") from None


def _holds(envelope: Envelope, payload: bytes, signature: Signature, key: PublicKey) -> bool:
    message = pae(envelope.payload_type, payload)
    return envelope.payload_type == CHECKPOINT_TYPE and key.verifies(decoded(signature.sig, "signature"), message)


def _append(home: Home, line: str) -> None:
    """A line more, on the disk when this returns, in place of one that a crash has cut short."""
    handle = os.open(home.checkpoints, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        size = os.fstat(handle).st_size
        tail = os.pread(handle, LONGEST_LINE, max(0, size - LONGEST_LINE))
        os.ftruncate(handle, size - len(tail) + tail.rfind(b"\n") + 1)
        os.write(handle, line.encode() + b"\n")
        os.fsync(handle)
    finally:
        os.close(handle)
