"""The bake: recipe -> sealed image -> booted and tested -> published.

    BUILDING -> TESTING -> PUBLISHING -> SUCCEEDED, or DISCARDING -> FAILED

What isn't tested isn't published, and what fails leaves nothing behind but its log.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection

from stoneware.bake import build, recipe, seal
from stoneware.bake.attest import BOOT_TEST_FILE, Notary
from stoneware.bake.blobs import Blobs
from stoneware.bake.boot_pack import ensure_boot_pack
from stoneware.bake.context import context_material
from stoneware.bake.instructions import notes
from stoneware.bake.origin import repository_of
from stoneware.bake.our_base import remember_build
from stoneware.bake.room import told_when_full
from stoneware.bake.verify import is_whole, load
from stoneware.bake.workspace import workspace
from stoneware.clock import Clock
from stoneware.decide.console import telling_line
from stoneware.decide.lifecycle import effective_state
from stoneware.errors import EngineError, NotFound
from stoneware.host.home import Home
from stoneware.model.deployment import DiskSpec, ImageSpec
from stoneware.model.evidence import Inside
from stoneware.model.image import Artifact, BootTestRecord, Delivery, Image, ImageState
from stoneware.model.lifecycle import Timers
from stoneware.model.machine import Machine, Phase, Power
from stoneware.model.operation import OperationRecord, Result, SignalKind
from stoneware.model.quantity import counted
from stoneware.operations import boot_test
from stoneware.operations.bases import described, offer_bases
from stoneware.operations.boot_record import record_of
from stoneware.operations.image_files import wrong_with
from stoneware.operations.outcome import Finish, Go, Outcome, Wait
from stoneware.operations.places import Place, place_for
from stoneware.operations.platform import Platform
from stoneware.operations.procedure import Context, Frame, Procedure
from stoneware.operations.rollout.frame import Queue
from stoneware.store.store import Store

POLL_S = 0.2
MEMORY_LIMIT_S = 600.0
"""How long a boot test waits for memory, which may never be free (seconds)."""
CONSOLE_LINES = 40
WHY_LINES = 100
"""How far back the reason of a machine's end is looked for: a panic prints its registers behind it."""
LONGEST_TAIL = 4000
SETTLE_S = 60.0
"""What a boot may take beyond its tests, until the system says that it is up."""


class BakeFrame(Frame):
    """`folder` is where the declaration lies (absolute). `disks` are the mounts that deployments declare for this family.

    `passed` holds the tests that have passed, by delivery and position; `proven` the deliveries that are through. `tested_from` and
    `asked_from` are when the tests began, of all and of the present delivery; `up_from` is when its machine was first seen to
    serve; `queue` is the place of one that can't boot yet. `console` is what the machines showed at the end.
    `timers` count from publishing on. `build` is the build of which this is a step, if it is one; such a one's recipe has a
    `network` only where the build may have it, and no layers but those of its `owner`, the build's repository.
    """

    TELLS = ("family", "digest", "build")

    family: str
    folder: str
    build: str = ""
    network: bool = True
    owner: str = ""
    spec: ImageSpec
    disks: dict[str, DiskSpec] = {}
    timers: Timers = Timers()
    digest: str = ""
    tested_from: float = 0.0
    asked_from: float = 0.0
    up_from: float = 0.0
    passed: dict[str, str] = {}
    proven: tuple[Delivery, ...] = ()
    inside: dict[Delivery, Inside] = {}
    console: str = ""
    failure: str = ""
    queue: Queue | None = None


@dataclass(frozen=True)
class Bake(Procedure[BakeFrame]):
    """`platforms` is where images are tested, by how they are delivered."""

    store: Store
    home: Home
    platforms: Mapping[Delivery, Platform]
    clock: Clock

    @property
    def notary(self) -> Notary:
        return Notary(self.home)

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
        with told_when_full("bake"), workspace(self.home, ctx.record.id, ctx.log, ctx.cancelled) as space:
            files = recipe.find_recipe(Path(frame.folder), frame.spec.containerfile, frame.spec.context)
            ours = offer_bases(self.store, space, files, ctx.now)
            self._say_what_is_left_out(ctx, frame, files)
            built = build.build(space, files, ctx.now, network=frame.network, owner=frame.owner)
            pack = ensure_boot_pack(space) if "vm" in frame.spec.deliver else None
            ctx.log("sealing")
            mended: list[str] = []
            artifact = seal.seal(
                space,
                built.image,
                family=frame.family,
                recipe=described(files, built, ours),
                pack=pack,
                writable=frame.spec.writable,
                mounts=[disk.mount for disk in frame.disks.values()],
                deliver=frame.spec.deliver,
                state_schema=frame.spec.state_schema,
                mended=lambda: mended.append("its files"),
            )
            remember_build(self.home, artifact.manifest.digest, built.image)
            if self._state_provenance(ctx, artifact, files, frame.build):
                mended.append("its provenance")
        size = sum(sealed.size_bytes for sealed in artifact.manifest.files.values())
        image = self.store.catalog.stage(artifact.manifest, size, ctx.record.actor, ctx.record.reason)
        frame = frame.model_copy(update={"digest": image.digest})
        if image.state is not ImageState.STAGED:
            image = self._as_declared(ctx, frame, image)
            mended += self._state_again(ctx, artifact)
            news = f"mended {' and '.join(mended)}" if mended else "nothing changed"
            why = f"{news}: this is {image.name} ({effective_state(image, ctx.now)})"
            return Finish(Result.SUCCEEDED, frame, why)
        return Go("TESTING", frame, f"sealed {image.digest[:19]}, {size // 2**20} MiB")

    def testing(self, ctx: Context, frame: BakeFrame) -> Outcome:
        """Starts that very digest in each form that is delivered, and asks until every test has passed, or one can't any more."""
        no_way = boot_test.unanswerable(frame.spec.test, systemd=bool(self.store.catalog.manifest(frame.digest).init))
        if no_way:
            return self.retreat(ctx, frame.coded("boot-test-failed"), no_way)
        delivery = next(one for one in frame.spec.deliver if one not in frame.proven)
        platform = self.platforms[delivery]
        machine, place = self._test_machine(ctx, frame, platform)
        entered_at = ctx.now if place.afresh else frame.entered_at
        frame = frame.model_copy(update={"queue": place.queue, "entered_at": entered_at})
        if place.queued:
            return Wait(POLL_S, frame, place.queued)
        frame = frame.model_copy(
            update={"tested_from": frame.tested_from or ctx.now, "asked_from": frame.asked_from or ctx.now}
        )
        if machine is None or machine.power is not Power.RUNNING or machine.phase is Phase.FAILED:
            detail = (machine.detail if machine else "") or telling_line(self._console(ctx, platform, WHY_LINES))
            return self.retreat(
                ctx,
                frame.coded("boot-test-failed"),
                f"the {delivery} did not come up: {detail or 'it ended by itself'}",
            )
        if machine.phase is Phase.SERVING and not frame.up_from:
            frame = frame.model_copy(update={"up_from": ctx.now})
        frame, doubts, late = self._ask(ctx, frame, delivery, machine)
        if late:
            return self.retreat(ctx, frame.coded("boot-test-failed"), late)
        if doubts:
            return Wait(POLL_S, frame, f"not all tests passed yet; {doubts[0]}")
        if machine.phase is not Phase.SERVING:
            return Wait(POLL_S, frame, "waiting for the boot to settle")
        console = frame.console + self._console(ctx, platform)
        proven = (*frame.proven, delivery)
        seen = record_of(ctx, platform.engine, machine.name)
        inside = {**frame.inside, **({delivery: seen} if seen else {})}
        frame = frame.model_copy(
            update={
                "inside": inside,
                "proven": proven,
                "console": console[-LONGEST_TAIL:],
                "asked_from": 0.0,
                "up_from": 0.0,
            }
        )
        if len(proven) < len(frame.spec.deliver):
            self._drop_machine(ctx, platform)
            return Wait(0.0, frame, f"the {delivery} passed its tests")
        return Go("PUBLISHING", frame, f"{counted(len(frame.passed), 'boot test')} passed")

    def _ask(
        self, ctx: Context, frame: BakeFrame, delivery: Delivery, machine: Machine
    ) -> tuple[BakeFrame, list[str], str]:
        """Asks what hasn't passed. Returns what is in doubt still, and what can't pass any more."""
        engine = self.platforms[delivery].engine
        asker = boot_test.Asker(
            machine,
            engine.read_console(machine.name, 10000),
            self.platforms[delivery].ask,
            lambda argv, limit_s: engine.run_inside(machine.name, argv, limit_s),
            systemd=bool(self.store.catalog.manifest(frame.digest).init),
        )
        passed, late = dict(frame.passed), ""
        doubts: list[str] = []
        # that something isn't there says something only when all that should be up is up
        asked = sorted(enumerate(frame.spec.test), key=lambda pair: boot_test.denies(pair[1]))
        for position, test in asked:
            key = f"{delivery}:{position}"
            # what must not be is asked again in the round in which all the rest has passed: it may have come since
            if (key in passed and (doubts or not boot_test.denies(test))) or (test.closed and doubts):
                continue
            answer, name = asker.ask(test), boot_test.describe(test)
            name = f"{delivery}: {name}" if len(frame.spec.deliver) > 1 else name
            if answer.ok:
                if key not in passed:
                    ctx.log(f"passed: {name}")
                passed[key] = f"{name}: {answer.detail}" if answer.detail else name
            else:
                passed.pop(key, None)
                doubts.append(f"{name}: {answer.detail}")
                if boot_test.is_lost(test, asker.console):
                    late = doubts[-1]
                elif ctx.now - frame.asked_from > test.within:
                    late = f"{name}: not passed within {test.within:g}s; {answer.detail}"
        if not late and frame.up_from and ctx.now - frame.up_from > boot_test.SETTLED_S:
            late = boot_test.wont_pass(
                [test for position, test in asked if f"{delivery}:{position}" not in passed], doubts
            )
        return frame.model_copy(update={"passed": passed}), doubts, late

    def publishing(self, ctx: Context, frame: BakeFrame) -> Outcome:
        """STAGED -> ACTIVE, with the record of the test; the test machines go."""
        for platform in self.platforms.values():
            self._drop_machine(ctx, platform)
        record = BootTestRecord(
            digest=frame.digest,
            passed=True,
            started_at=frame.tested_from,
            seconds=frame.entered_at - frame.tested_from,
            results=tuple(frame.passed.values()),
            console_tail=frame.console,
            inside=frame.inside,
        )
        times = frame.timers.times(ctx.now)
        self._note_test(ctx, frame, "passed")
        artifact = load(self.home.images, frame.digest)
        if not is_whole(artifact.folder, artifact.manifest):  # a layer that an earlier bake left may have rotted since
            damage = wrong_with(self.home.images)(frame.digest)
            hint = "what was changed is made anew by the next bake"
            return self.retreat(ctx, frame.coded("image-damaged"), f"it isn't what was sealed: {damage}; {hint}")
        self.notary.state_boot_test(artifact, record, ctx.record.id)
        self.notary.require_passed(artifact.folder, frame.digest)
        image = self.store.catalog.publish(frame.digest, record, ctx.record.actor, ctx.record.reason, times)
        self.store.catalog.keep(frame.family, frame.spec.keep, ctx.record.actor, ctx.record.reason)
        return Finish(Result.SUCCEEDED, frame, f"published {image.name}")

    def retreat(self, ctx: Context, frame: BakeFrame, reason: str) -> Outcome:
        state = ctx.record.state
        if state == "DISCARDING":
            return Finish(Result.STUCK, frame, reason)
        if state == "TESTING":
            self._note_test(ctx, frame, "failed", why=reason)
            ctx.log("--- the end of the console")
            delivery = next((one for one in frame.spec.deliver if one not in frame.proven), frame.spec.deliver[-1])
            for line in self._console(ctx, self.platforms[delivery]).splitlines()[-CONSOLE_LINES:]:
                ctx.log(line)
        return Go("DISCARDING", frame.model_copy(update={"failure": reason}), reason)

    def _note_test(self, ctx: Context, frame: BakeFrame, result: str, **why: str) -> None:
        """The boot test is on record, however it went: with the digest that was tested, and what passed."""
        name = self.store.catalog.get(frame.digest).name
        forms, tests = (
            ", ".join(frame.spec.deliver),
            f"{len(frame.passed)} of {len(frame.spec.test) * len(frame.spec.deliver)}",
        )
        ctx.note("test", "image.test", name, digest=frame.digest, result=result, forms=forms, passed=tests, **why)

    def discarding(self, ctx: Context, frame: BakeFrame) -> Outcome:
        """Nothing half-made stays: no machine, no staged image."""
        for platform in self.platforms.values():
            self._drop_machine(ctx, platform)
        if frame.digest:
            image = self.store.catalog.get(frame.digest)
            if image.state is ImageState.STAGED:
                manifest = self.store.catalog.manifest(frame.digest)
                folder = self.home.images / frame.digest.removeprefix("sha256:")
                for name in Blobs(self.home.images / "blobs").drop_rotten(folder, manifest):
                    ctx.log(f"{name} was changed in the store; the next bake makes it anew")
                self.store.catalog.delete(frame.digest, ctx.record.actor, "its boot test failed")
                for platform in self.platforms.values():
                    platform.engine.delete_image(frame.digest)
        return Finish(Result.FAILED, frame, frame.failure)

    def deadline(self, record: OperationRecord, frame: BakeFrame) -> float | None:
        testing = (boot_test.within(frame.spec.test) + SETTLE_S) * len(frame.spec.deliver)
        testing = MEMORY_LIMIT_S if frame.queue else testing
        return {"BUILDING": 3600.0, "TESTING": testing}.get(record.state, 300.0)

    def going_back(self, state: str) -> bool:
        return state == "DISCARDING"

    def objection(self, signal: SignalKind, record: OperationRecord) -> str | None:
        if signal is not SignalKind.ABORT:
            return f"a bake can't be told to {signal}; it can be aborted"
        return None if record.state != "DISCARDING" else "it is being discarded already"

    def effects(self, record: OperationRecord, outcome: Finish) -> Callable[[Connection], None] | None:
        return None

    def _test_machine(self, ctx: Context, frame: BakeFrame, platform: Platform) -> tuple[Machine | None, Place]:
        """The machine under test, with everything it needs; created when there is a place for it, or what it waits for."""
        engine = platform.engine
        wanted = boot_test.test_machine(ctx.record.id, frame.digest, frame.spec, frame.disks)
        present = {m.name: m for m in engine.list_machines(boot_test.OWNER)}
        missing = [] if wanted.name in present else [wanted]
        place = place_for(self.store, platform, ctx.record.subject, missing, frame.queue, ctx.now)
        if missing and not place.admitted:
            return None, place
        if missing:
            engine.publish_image(load(self.home.images, frame.digest))
            engine.create_machine(wanted)
            ctx.log("booting the sealed image")
        for disk in boot_test.scratch_disks(wanted):
            engine.create_disk(disk)
            if disk.name not in (present[wanted.name].attached if wanted.name in present else ()):
                engine.attach_disk(disk.name, wanted.name)
        if not missing:
            return present[wanted.name], place
        return next((m for m in engine.list_machines(boot_test.OWNER) if m.name == wanted.name), None), place

    def _say_what_is_left_out(self, ctx: Context, frame: BakeFrame, files: recipe.RecipeFiles) -> None:
        kept = [*frame.spec.writable, *(disk.mount for disk in frame.disks.values())]
        for note in notes(files.containerfile.read_text(errors="replace"), kept):
            ctx.log(f"warning: {note}")

    def _state_provenance(self, ctx: Context, artifact: Artifact, files: recipe.RecipeFiles, build: str) -> bool:
        """How it was made, from the beginning of this build to now. Returns whether nothing had been stated yet, or that was
        lost."""
        taken = context_material(files)
        origin = repository_of(files.context)
        materials = (taken,) if taken else ()
        return self.notary.state_provenance(
            artifact, origin, ctx.record.id, ctx.now, self.clock.now(), materials, build
        )

    def _state_again(self, ctx: Context, artifact: Artifact) -> list[str]:
        """What is stated of the boot test that the catalog has, when that was lost or changed. Says what was mended."""
        digest = artifact.manifest.digest
        record = self.store.catalog.boot_test(digest)
        if record is None or not self.notary.lacks(artifact.folder, BOOT_TEST_FILE, digest):
            return []
        self.notary.state_boot_test(artifact, record, ctx.record.id)
        return ["what is stated of its boot test"]

    def _as_declared(self, ctx: Context, frame: BakeFrame, image: Image) -> Image:
        """A bake that makes the same image again still says how long it is good for, and how long its family is kept."""
        times = frame.timers.times(ctx.now)
        if times:
            image = self.store.catalog.schedule(image.digest, times, ctx.record.actor, ctx.record.reason)
        self.store.catalog.keep(frame.family, frame.spec.keep, ctx.record.actor, ctx.record.reason)
        return image

    def _console(self, ctx: Context, platform: Platform, lines: int = CONSOLE_LINES) -> str:
        try:
            return platform.engine.read_console(ctx.record.id, lines)
        except (NotFound, EngineError):  # the way back doesn't wait for a console
            return ""

    def _drop_machine(self, ctx: Context, platform: Platform) -> None:
        engine = platform.engine
        disks = [d.name for d in engine.list_disks(boot_test.OWNER) if d.name.startswith(f"{ctx.record.id}-")]
        engine.delete_machine(ctx.record.id)
        for disk in disks:
            engine.delete_disk(disk)
