"""The bake: recipe -> sealed image -> booted and tested -> published.

    BUILDING -> TESTING -> PUBLISHING -> SUCCEEDED, or DISCARDING -> FAILED

What isn't tested isn't published, and what fails leaves nothing behind but its log.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection

from stoneware.bake import build, recipe, seal
from stoneware.bake.boot_pack import ensure_boot_pack
from stoneware.bake.verify import load
from stoneware.bake.workspace import workspace
from stoneware.decide.lifecycle import effective_state
from stoneware.errors import EngineError, NotFound
from stoneware.host.home import Home
from stoneware.model.deployment import DiskSpec, ImageSpec
from stoneware.model.image import BootTestRecord, Image, ImageState
from stoneware.model.lifecycle import Timers
from stoneware.model.machine import Machine, Phase, Power
from stoneware.model.operation import OperationRecord, Result, SignalKind
from stoneware.operations import boot_test
from stoneware.operations.outcome import Finish, Go, Outcome, Wait
from stoneware.operations.platform import Platform
from stoneware.operations.procedure import Context, Frame, Procedure
from stoneware.store.store import Store

POLL_S = 0.2
CONSOLE_LINES = 40
SETTLE_S = 60.0
"""What a boot may take beyond its tests, until the system says that it is up."""


class BakeFrame(Frame):
    """`folder` is where the declaration lies (absolute). `disks` are the mounts that deployments declare for this family.

    `passed` holds the tests that have passed, by position. `timers` count from publishing on.
    """

    family: str
    folder: str
    spec: ImageSpec
    disks: dict[str, DiskSpec] = {}
    timers: Timers = Timers()
    digest: str = ""
    tested_from: float = 0.0
    passed: dict[int, str] = {}
    failure: str = ""


@dataclass(frozen=True)
class Bake(Procedure[BakeFrame]):
    """`platform` is where images are tested."""

    store: Store
    home: Home
    platform: Platform

    kind = "bake"
    first = "BUILDING"
    NEXT = {
        "BUILDING": ("TESTING", "DISCARDING"),
        "TESTING": ("PUBLISHING", "DISCARDING"),
        "PUBLISHING": ("DISCARDING",),
        "DISCARDING": (),
    }
    frame_type = BakeFrame

    def building(self, ctx: Context, frame: BakeFrame) -> Outcome:
        """Builds and seals. An image that is published already needs no second test."""
        with workspace(self.home, ctx.record.id, ctx.log, ctx.cancelled) as space:
            files = recipe.find_recipe(Path(frame.folder), frame.spec.containerfile, frame.spec.context)
            image_id = build.build(space, files)
            pack = ensure_boot_pack(space)
            ctx.log("sealing")
            artifact = seal.seal(
                space,
                image_id,
                family=frame.family,
                recipe=recipe.describe(files, image_id),
                pack=pack,
                writable=frame.spec.writable,
                mounts=[disk.mount for disk in frame.disks.values()],
            )
        size = sum(sealed.size_bytes for sealed in artifact.manifest.files.values())
        image = self.store.catalog.stage(artifact.manifest, size, ctx.record.actor, ctx.record.reason)
        frame = frame.model_copy(update={"digest": image.digest})
        if image.state is not ImageState.STAGED:
            image = self._as_declared(ctx, frame, image)
            why = f"nothing changed: this is {image.name} ({effective_state(image, ctx.now)})"
            return Finish(Result.SUCCEEDED, frame, why)
        return Go("TESTING", frame, f"sealed {image.digest[:19]}, {size // 2**20} MiB")

    def testing(self, ctx: Context, frame: BakeFrame) -> Outcome:
        """Starts that very digest and asks until every test has passed, or the time is over."""
        frame = frame.model_copy(update={"tested_from": frame.tested_from or ctx.now})
        machine = self._test_machine(ctx, frame)
        if machine is None or machine.power is not Power.RUNNING or machine.phase is Phase.FAILED:
            detail = machine.detail if machine else ""
            return self.retreat(ctx, frame, f"the machine did not come up: {detail or 'it ended by itself'}")
        console = self.platform.engine.read_console(machine.name, 10000)
        passed, doubts, late = dict(frame.passed), [], ""
        for position, test in enumerate(frame.spec.test):
            if position in passed:
                continue
            answer = boot_test.ask(test, machine, console, self.platform.ask)
            if answer.ok:
                passed[position] = f"{boot_test.describe(test)}: {answer.detail}"
                ctx.log(f"passed: {boot_test.describe(test)}")
            else:
                doubts.append(f"{boot_test.describe(test)}: {answer.detail}")
                if boot_test.is_lost(test, console):
                    late = doubts[-1]
                elif ctx.now - frame.tested_from > test.within:
                    late = f"{boot_test.describe(test)}: not passed within {test.within:g}s; {answer.detail}"
        frame = frame.model_copy(update={"passed": passed})
        if late:
            return self.retreat(ctx, frame, late)
        if doubts:
            return Wait(POLL_S, frame, f"not all tests passed yet; {doubts[0]}")
        if machine.phase is not Phase.SERVING:
            return Wait(POLL_S, frame, "waiting for the boot to settle")
        return Go("PUBLISHING", frame, f"{len(passed)} boot tests passed")

    def publishing(self, ctx: Context, frame: BakeFrame) -> Outcome:
        """STAGED -> ACTIVE, with the record of the test; the test machine goes."""
        console = self._console(ctx)
        self._drop_machine(ctx)
        record = BootTestRecord(
            digest=frame.digest,
            passed=True,
            started_at=frame.tested_from,
            seconds=frame.entered_at - frame.tested_from,
            results=tuple(frame.passed[position] for position in sorted(frame.passed)),
            console_tail=console[-4000:],
        )
        times = frame.timers.times(ctx.now)
        image = self.store.catalog.publish(frame.digest, record, ctx.record.actor, ctx.record.reason, times)
        self.store.catalog.keep(frame.family, frame.spec.keep, ctx.record.actor, ctx.record.reason)
        return Finish(Result.SUCCEEDED, frame, f"published {image.name}")

    def retreat(self, ctx: Context, frame: BakeFrame, reason: str) -> Outcome:
        state = ctx.record.state
        if state == "DISCARDING":
            return Finish(Result.STUCK, frame, reason)
        if state == "TESTING":
            ctx.log("--- the end of the console")
            for line in self._console(ctx).splitlines()[-CONSOLE_LINES:]:
                ctx.log(line)
        return Go("DISCARDING", frame.model_copy(update={"failure": reason}), reason)

    def discarding(self, ctx: Context, frame: BakeFrame) -> Outcome:
        """Nothing half-made stays: no machine, no staged image."""
        self._drop_machine(ctx)
        if frame.digest:
            image = self.store.catalog.get(frame.digest)
            if image.state is ImageState.STAGED:
                self.store.catalog.delete(frame.digest, ctx.record.actor, "its boot test failed")
                self.platform.engine.delete_image(frame.digest)
        return Finish(Result.FAILED, frame, frame.failure)

    def deadline(self, record: OperationRecord, frame: BakeFrame) -> float | None:
        return {"BUILDING": 3600.0, "TESTING": boot_test.within(frame.spec.test) + SETTLE_S}.get(record.state, 300.0)

    def going_back(self, state: str) -> bool:
        return state == "DISCARDING"

    def objection(self, signal: SignalKind, state: str) -> str | None:
        if signal is not SignalKind.ABORT:
            return f"a bake can't be told to {signal}; it can be aborted"
        return None if state != "DISCARDING" else "it is being discarded already"

    def effects(self, record: OperationRecord, outcome: Finish) -> Callable[[Connection], None] | None:
        return None

    def _test_machine(self, ctx: Context, frame: BakeFrame) -> Machine | None:
        """The machine under test, with everything it needs; created when this is the first look."""
        engine = self.platform.engine
        wanted = boot_test.test_machine(ctx.record.id, frame.digest, frame.spec, frame.disks)
        present = {m.name: m for m in engine.list_machines(boot_test.OWNER)}
        if wanted.name not in present:
            engine.publish_image(load(self.home.images, frame.digest))
            engine.create_machine(wanted)
            ctx.log("booting the sealed image")
        for disk in boot_test.scratch_disks(wanted):
            engine.create_disk(disk)
            if disk.name not in (present[wanted.name].attached if wanted.name in present else ()):
                engine.attach_disk(disk.name, wanted.name)
        if wanted.name in present:
            return present[wanted.name]
        return next((m for m in engine.list_machines(boot_test.OWNER) if m.name == wanted.name), None)

    def _as_declared(self, ctx: Context, frame: BakeFrame, image: Image) -> Image:
        """A bake that makes the same image again still says how long it is good for, and how long its family is kept."""
        times = frame.timers.times(ctx.now)
        if times:
            image = self.store.catalog.schedule(image.digest, times, ctx.record.actor, ctx.record.reason)
        self.store.catalog.keep(frame.family, frame.spec.keep, ctx.record.actor, ctx.record.reason)
        return image

    def _console(self, ctx: Context) -> str:
        try:
            return self.platform.engine.read_console(ctx.record.id, CONSOLE_LINES)
        except (NotFound, EngineError):  # the way back doesn't wait for a console
            return ""

    def _drop_machine(self, ctx: Context) -> None:
        engine = self.platform.engine
        disks = [d.name for d in engine.list_disks(boot_test.OWNER) if d.name.startswith(f"{ctx.record.id}-")]
        engine.delete_machine(ctx.record.id)
        for disk in disks:
            engine.delete_disk(disk)
