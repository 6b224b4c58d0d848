"""An import: a file or folder that was exported elsewhere becomes an image here, with the same digest.

    READING -> ENTERING -> SUCCEEDED, or DISCARDING -> FAILED

It has the family to itself, as a bake has. The files enter the store by one rename after all of them were compared; only then does
the catalog hear of the image. A daemon that dies meanwhile leaves a work folder that the next one removes, and an operation
that the next one goes on with.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection

from stoneware.bake.verify import load
from stoneware.bake.workspace import workspace
from stoneware.errors import Conflict, NotFound
from stoneware.host.home import Home
from stoneware.model.image import BootTestRecord, Image, ImageState
from stoneware.model.operation import OperationRecord, Result, SignalKind
from stoneware.moving.entering import Entering, is_here
from stoneware.moving.meter import Meter
from stoneware.moving.offer import Offer, Reader
from stoneware.moving.signatures import Vouched, check_signatures
from stoneware.moving.sources import Source, opened
from stoneware.moving.trouble import told
from stoneware.operations.outcome import Finish, Go, Outcome
from stoneware.operations.procedure import Context, Frame, Procedure
from stoneware.store.store import Store


class ImportFrame(Frame):
    """`source` is absolute. `digest` and `family` are what it offered when the import began: it must offer the same still.

    `known` is whether the catalog had the image before it began. `record` is the boot test that was signed, of an image that was
    published there. `signed_by` are the ids of the keys that vouch for it; `image` is
    what it is called here, `original` what it was called there.
    """

    TELLS = ("source", "digest", "family")

    source: str
    digest: str
    family: str
    original: str = ""
    record: BootTestRecord | None = None
    known: bool = False
    signed_by: tuple[str, ...] = ()
    image: str = ""
    failure: str = ""


def look(source: Path) -> Offer:
    """What a file or folder offers, without its large files. Raises NotFound, Refused."""
    with told(source), opened(source) as place:
        return Reader(place).offer()


def present(store: Store, digest: str) -> Image | None:
    """The image as the catalog has it; None when it hasn't, or has no longer."""
    try:
        image = store.catalog.get(digest)
    except NotFound:
        return None
    return None if image.state is ImageState.DELETED else image


@dataclass(frozen=True)
class Import(Procedure[ImportFrame]):
    """Reads with the daemon's own rights: whoever reaches its socket is its owner, and gets none that they haven't."""

    store: Store
    home: Home

    kind = "import"
    first = "READING"
    NEXT = {"READING": ("ENTERING", "DISCARDING"), "ENTERING": ("DISCARDING",), "DISCARDING": ()}
    frame_type = ImportFrame

    def reading(self, ctx: Context, frame: ImportFrame) -> Outcome:
        """Compares everything and moves it into the store. Of an image that is here already, and whole, nothing is
        taken."""
        source, known = Path(frame.source), present(self.store, frame.digest)
        with told(source), opened(source) as place:
            offer = Reader(place).offer()
            if (offer.manifest.digest, offer.manifest.family) != (frame.digest, frame.family):
                raise Conflict(
                    f"{source} isn't what it was when the import began", "import it again", code="archive-damaged"
                )
            if known and known.state is not ImageState.STAGED and is_here(self.home, offer.manifest):
                self._compare(ctx, place, offer)
                frame = frame.model_copy(update={"image": known.name})
                return Finish(Result.SUCCEEDED, frame, f"nothing changed: this is {known.name} ({known.state})")
            vouched = self._take_in(ctx, frame, place, offer)
        tested = vouched.tested if offer.record else None
        changed = {"signed_by": vouched.keys, "record": tested, "original": offer.original}
        frame = frame.model_copy(update=changed)
        return Go("ENTERING", frame, f"all of {frame.digest[:19]} is as it was sealed")

    def entering(self, ctx: Context, frame: ImportFrame) -> Outcome:
        """The catalog hears of it: STAGED, and ACTIVE with the family's next number if it brings its passing boot test along."""
        artifact = load(self.home.images, frame.digest)
        size = sum(sealed.size_bytes for sealed in artifact.manifest.files.values())
        reason = ctx.record.reason or f"imported from {frame.source}"
        before = present(self.store, frame.digest) if frame.known else None
        image = self.store.catalog.stage(artifact.manifest, size, ctx.record.actor, reason)
        if frame.record is None:
            said = f"imported as {image.name}, {image.state}: it brings no boot test along, so it isn't published"
        else:
            image = self.store.catalog.publish(frame.digest, frame.record, ctx.record.actor, reason)
            said = f"imported {frame.original or frame.digest[:19]} as {image.name}"
            said = f"mended the files of {image.name}" if before and before.state is not ImageState.STAGED else said
        return Finish(Result.SUCCEEDED, frame.model_copy(update={"image": image.name}), said)

    def retreat(self, ctx: Context, frame: ImportFrame, reason: str) -> Outcome:
        if ctx.record.state == "DISCARDING":
            return Finish(Result.STUCK, frame, reason)
        return Go("DISCARDING", frame.model_copy(update={"failure": reason}), reason)

    def discarding(self, ctx: Context, frame: ImportFrame) -> Outcome:
        """What came in goes again, unless the catalog had it before."""
        image = present(self.store, frame.digest)
        if not frame.known and (image is None or image.state is ImageState.STAGED):
            if image is not None:
                self.store.catalog.delete(frame.digest, ctx.record.actor, "its import failed")
            folder = self.home.images / frame.digest.removeprefix("sha256:")
            (folder / "manifest.json").unlink(missing_ok=True)
            shutil.rmtree(folder, ignore_errors=True)
        return Finish(Result.FAILED, frame, frame.failure)

    def deadline(self, record: OperationRecord, frame: ImportFrame) -> float | None:
        return 3600.0 if record.state == "READING" else 300.0

    def going_back(self, state: str) -> bool:
        return state == "DISCARDING"

    def objection(self, signal: SignalKind, record: OperationRecord) -> str | None:
        if signal is not SignalKind.ABORT:
            return f"an import can't be told to {signal}; it can be aborted"
        return None if record.state == "READING" else "it is nearly over"

    def effects(self, record: OperationRecord, outcome: Finish) -> Callable[[Connection], None] | None:
        return None

    def _compare(self, ctx: Context, place: Source, offer: Offer) -> None:
        """What is offered must be whole also when nothing of it is needed."""
        with told(self.home.images), workspace(self.home, ctx.record.id, ctx.log, ctx.cancelled) as space:
            Entering(space, place, offer, self._meter(ctx, offer)).unpack()

    @staticmethod
    def _meter(ctx: Context, offer: Offer) -> Meter:
        total = sum({part.file.sha256: part.file.size_bytes for part in offer.parts}.values())
        return Meter(total, ctx.log, ctx.cancelled)

    def _take_in(self, ctx: Context, frame: ImportFrame, place: Source, offer: Offer) -> Vouched:
        """Everything from the first byte to the rename. Returns who signed, and what."""
        images = self.home.images
        with told(images), workspace(self.home, ctx.record.id, ctx.log, ctx.cancelled) as space:
            entering = Entering(space, place, offer, self._meter(ctx, offer))
            folder = entering.unpack()
            vouched = check_signatures(self.home, folder, offer.manifest)
            subject = f"{frame.family}@{frame.digest[7:19]}"
            ctx.note("import", "image.import", subject, digest=frame.digest, source=frame.source, name=offer.original)
            entering.enter(folder)
        return vouched
