"""A scenario is played: events come when their time has come, hands take turns, and every turn is watched.

A hand that stands still in the middle of a step is played by letting the world go on inside of that step. So everything has
one order, and the same seed has the same one.
"""

from __future__ import annotations

import traceback
from dataclasses import dataclass
from random import Random

from tests.simulation.generate import generate
from tests.simulation.happen import HAPPENINGS
from tests.simulation.invariants.watch import Watch
from tests.simulation.scenario import Event, Quality, Scenario
from tests.simulation.strikes import Killed, Strike
from tests.simulation.world import Act, Hand, World

from stoneware.errors import StonewareError
from stoneware.model.operation import OperationRecord, Result, Signal, SignalKind
from stoneware.operations.reconcile import PAUSE_S
from stoneware.operations.rollout.table import HURRIED, WAITING_FOR_A_PERSON

LEASE_S = 30.0
NOBODY_S = 2.0
STRETCH, MOST_STRETCH = 1.5, 4.0
DULL = ("commit", "note", "apply", "publish_image")
"""What is done at every look, whether or not it changes anything."""
MOST_REPAIRS = 20
LONGEST_S = 3000.0
MOST_TURNS = 4000
MOST_DOWN = 4
"""More bad answers in a row than any declaration tolerates."""
MOST_CHANCES = 2
MOST_APPROVALS = 8
UNSURE = (SignalKind.PROMOTE, SignalKind.RETRY, SignalKind.ABORT)


@dataclass(frozen=True)
class History:
    """How a scenario went: its lines, what was violated (the first is what counts), and how its operations ended."""

    scenario: Scenario
    story: tuple[tuple[float, str], ...]
    violations: tuple[str, ...]
    results: tuple[str, ...]
    turns: int


class Broken(BaseException):
    """An invariant doesn't hold: the history ends here."""


def play(seed: int, much: frozenset[str] = frozenset()) -> History:
    """Plays one history to its end, or to the first violation. `much` is that of `generate`."""
    player = Player(World(generate(seed, much)))
    try:
        player.run()
    except Broken:
        pass
    except Exception:  # a fault of ours, in the product or in the simulation, is a finding like any other
        player.watch.violations.append(f"no exception: {traceback.format_exc()}")
    world = player.world
    ends = tuple(f"{kind} {result}" for kind, result in world.rows("SELECT kind, result FROM operations ORDER BY seq"))
    return History(world.scenario, tuple(world.story), tuple(player.watch.violations), ends, player.turns)


class Player:
    """`run` is the whole history."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.rng = Random(f"play {world.scenario.seed}")
        self.watch = Watch(world)
        self.agenda = list(world.scenario.events)
        self.strikes: list[Strike] = []
        self.turns = 0
        self.told: dict[str, str] = {}
        self.chances: dict[str, int] = {}
        self.hopeful = False
        self.dull = 0
        world.hook = self.hook

    def run(self) -> None:
        calm = False
        while self.agenda or self.world.is_busy():
            if not self.agenda and (not calm or self.world.waits_for_a_person()):
                self.calm()
                calm = True
            self.tick()
        self.calm()
        self.settle()
        self.encore()

    # Time and turns --------------------------------------------------------------------------------------------------

    def tick(self) -> None:
        """What is due happens, one hand has a turn; or time passes."""
        self.turns += 1
        if self.turns > MOST_TURNS or self.world.clock.elapsed > LONGEST_S:
            self.nothing_lasts()
        while self.agenda and self.agenda[0].at <= self.world.clock.elapsed:
            self.happen(self.agenda.pop(0))
        free = [hand for hand in self.world.hands.values() if hand.alive and not hand.stalled]
        if not free or not self.turn(self.rng.choice(free)):
            self.pass_time()

    def nothing_lasts(self) -> None:
        """After so long, whatever is under way has begun lately: machines of a certain age are made anew for ever."""
        now, unfinished = self.world.clock.now(), self.world.unfinished()
        lasting = [one for one in unfinished if self.turns > MOST_TURNS or now - one.created_at > LONGEST_S]
        if lasting:
            left = [f"{one.id} {one.state}: {one.because}" for one in lasting]
            self.broken(f"every operation ends: after {self.world.clock.elapsed:.0f} s there is still {left}")

    def turn(self, hand: Hand) -> bool:
        """One step of whatever is due. False when nothing is."""
        world = self.world
        due = world.next_wake()
        if due is None or due > world.clock.now():
            return False
        record = world.store.operations.claim(f"{hand.name}/0", LEASE_S)
        if record is None:
            return False
        self.perform(Act(hand, hand.life, record, begun=world.clock.elapsed), lambda: world.runner.run(record))
        return True

    def perform(self, act: Act, work) -> None:  # type: ignore[no-untyped-def]
        self.world.acts.append(act)
        try:
            work()
        except Killed:
            self.world.tell(f"{act.hand.name} is killed")
        finally:
            self.world.acts.pop()
        self.heed(self.watch.after_step(act))

    def pass_time(self) -> None:
        """The less happens, the less often anybody looks; while requests may be held, everybody looks often."""
        world = self.world
        due = world.next_wake()
        pace, now = world.scenario.pace_s * min(MOST_STRETCH, STRETCH**self.dull), world.clock.now()
        self.dull += 1
        wait_s = NOBODY_S if due is None else max(pace, due - now)
        if self.agenda:
            wait_s = min(wait_s, self.agenda[0].at - world.clock.elapsed)
        world.clock.sleep(min(max(wait_s, 0.001), 60.0))
        if any(hand.alive and not hand.stalled for hand in world.hands.values()):
            world.watch.look()

    # Events ----------------------------------------------------------------------------------------------------------

    def happen(self, event: Event) -> None:
        world = self.world
        world.tell(f"* {event}")
        match event.kind:
            case "kill":
                self.strikes.append(Strike(event.facts[0], event.facts[1], None, event.facts[2]))
            case "stall":
                self.strikes.append(Strike(event.facts[0], event.facts[1], event.facts[2]))
            case "start":
                self.start(world.hands[event.facts[0]])
            case "reconcile" | "prune":
                self.chore(event.kind)
                for record in world.unfinished():
                    if self.rng.random() < 0.5:
                        self.see_to(record)
            case _:
                try:
                    HAPPENINGS[event.kind](world, *event.facts)
                except StonewareError as answer:
                    world.tell(f"  it is answered: {answer}")
        self.heed(self.watch.after_event(event))

    def chore(self, kind: str) -> None:
        """Housekeeping, by the first daemon that lives."""
        hand = next((one for one in self.world.hands.values() if one.alive and not one.stalled), None)
        if hand is None:
            return
        work = self.world.reconcile.run if kind == "reconcile" else self.world.prune.run

        def guarded() -> None:
            try:
                for done in work():
                    self.world.tell(f"  {kind}: {done if isinstance(done, str) else done.id + ' ' + done.reason}")
            except StonewareError as broken:
                self.world.tell(f"  {kind}: {broken}")

        self.perform(Act(hand, hand.life, None, kind), guarded)

    def start(self, hand: Hand) -> None:
        """A daemon starts, and takes over what its predecessor of the same name held."""
        if not hand.alive:
            hand.alive = True
            hand.life += 1
            self.world.store.operations.take_over(hand.name)
            self.world.forget()
            self.world.tell(f"{hand.name} is started")

    # Hooks -----------------------------------------------------------------------------------------------------------

    def hook(self, when: str, verb: str, name: str) -> None:
        """Around each effect, note and commit. Strikes come before a look at what isn't done yet, and after one at what is."""
        world = self.world
        if not world.acts:
            return
        if verb not in DULL:
            self.dull = 0
        if when == "before":
            self.strike(when, verb)
        elif verb == "commit":
            self.tell_state(name)
        elif verb != "note":
            world.tell(f"  {world.act.hand.name} {world.act.operation or world.act.chore}: {verb} {name[:60]}")
        self.heed(self.watch.at_effect(when, verb, name))
        if when == "after":
            self.strike(when, verb)

    def tell_state(self, operation: str) -> None:
        """What a commit says, when it is news."""
        [(state, result, because)] = self.world.rows(
            "SELECT state, result, because FROM operations WHERE id = ?", operation
        )
        line = f"{operation} {result or state}: {because.partition('; ')[0]}"
        self.dull = 0 if state in (*HURRIED, "REVERTING") and result is None else self.dull
        if self.told.get(operation) != line:
            self.told[operation] = line
            self.dull = 0
            self.world.tell(f"  {self.world.act.hand.name} {line}")

    def strike(self, when: str, verb: str) -> None:
        act = self.world.act
        for strike in [one for one in self.strikes if one.hits(act, when, verb)]:
            self.strikes.remove(strike)
            if strike.stall_s is None:
                act.hand.alive = False
                back = self.world.clock.elapsed + strike.away_s
                self.agenda = sorted([*self.agenda, Event(back, "start", (act.hand.name,))], key=lambda one: one.at)
                raise Killed
            self.stand_still(act, strike.stall_s, f"{when} {verb}")

    def stand_still(self, act: Act, seconds: float, where: str) -> None:
        """The world goes on while this hand stands still."""
        self.world.tell(f"{act.hand.name} stands still for {seconds:g} s in {act.operation or act.chore}, {where}")
        until, act.hand.stalled = self.world.clock.elapsed + seconds, True
        acts, self.world.acts = self.world.acts, []
        try:
            while self.world.clock.elapsed < until:
                self.tick()
        finally:
            self.world.acts = acts
            act.hand.stalled = False
        self.world.tell(f"{act.hand.name} goes on")

    def heed(self, violations: list[str]) -> None:
        if violations:
            for violation in violations:
                self.world.tell(f"VIOLATION {violation}")
            raise Broken

    def broken(self, violation: str) -> None:
        self.watch.violations.append(violation)
        self.heed([violation])

    # The end ---------------------------------------------------------------------------------------------------------

    def calm(self) -> None:
        """Nothing goes wrong any more, and people see to what waits for them."""
        world = self.world
        self.strikes.clear()
        world.cloud.calm()
        world.proxy.calm()
        for hand in world.hands.values():
            if not hand.alive and not hand.stalled:
                self.start(hand)
        for record in world.unfinished():
            self.see_to(record)

    def see_to(self, record: OperationRecord) -> None:
        """A person looks at what waits for one: the same one gives no second chance for ever."""
        wish, chances = None, self.chances.get(record.id, 0)
        if record.paused:
            wish = SignalKind.RESUME
        elif record.state in WAITING_FOR_A_PERSON:
            failed = record.state == "AWAITING_DECISION"
            wish = SignalKind.ABORT if failed or chances > MOST_APPROVALS else SignalKind.APPROVE
            if chances < MOST_CHANCES and not self.hopeful:
                wish = self.rng.choice([wish, SignalKind.RETRY] if failed else [wish, wish, *UNSURE])
        if wish and not self.world.store.operations.signals(record.id):
            self.chances[record.id] = chances + 1
            self.world.tell(f"* a person sees to {record.id} ({record.state}): {wish}")
            signal = Signal(kind=wish, actor="ann", at=self.world.clock.now())
            self.world.store.operations.signal(record.id, signal)

    def settle(self) -> None:
        """Repairs come to their end, then what is there is what is declared."""
        for _ in range(MOST_REPAIRS):
            self.world.clock.sleep(PAUSE_S + 1)
            self.chore("reconcile")
            if not self.world.is_busy():
                self.look_around()
                self.chore("reconcile")
            if not self.world.is_busy():
                break
            self.until_quiet()
        self.chore("prune")
        self.heed(self.watch.at_rest())

    def look_around(self) -> None:
        """A daemon looks many times a minute: who is sick by now is beyond tolerance."""
        for _ in range(MOST_DOWN):
            self.world.clock.sleep(1.0)
            self.world.watch.look()

    def until_quiet(self) -> None:
        while self.world.is_busy():
            if self.world.waits_for_a_person():
                self.calm()
            self.tick()

    def encore(self) -> None:
        """After all that, a person can still deploy what is good, and go back from it; then nothing needs a person any more."""
        world = self.world
        if world.scenario.encore == "none":
            return
        world.tell("the encore: images that are good, for everybody")
        self.hopeful = True
        for family in world.scenario.families:
            world.publish(family, Quality.GOOD, ((1, 2, 3), 3))
        for deployment, number in sorted(world.scenario.last_specs().items()):
            self.must_succeed(Event(world.clock.elapsed, "deploy", (deployment, number)))
        if world.scenario.encore == "rollback":
            for deployment in sorted(world.scenario.last_specs()):
                self.must_succeed(Event(world.clock.elapsed, "rollback", (deployment,)))
        self.settle()

    def must_succeed(self, event: Event) -> None:
        """It may be refused beforehand; once begun, it succeeds, unless it leads to images that are bad."""
        world, deployment = self.world, event.facts[0]
        self.happen(event)
        begun = world.store.operations.active(deployment)
        if begun is None:
            return
        release = world.store.releases.get(deployment, begun.frame["target"])
        good = all(world.cloud.quality[group.digest] is Quality.GOOD for group in release.groups.values())
        self.until_quiet()
        ended = world.store.operations.get(begun.id)
        if good and ended.result is not Result.SUCCEEDED:
            self.broken(f"what is good can be deployed: {ended.id} ended {ended.result}: {ended.because}")
