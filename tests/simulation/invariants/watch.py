"""Asks the invariants. To add one, write it where it belongs and put it into its list here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from tests.simulation.invariants import data, ledger, machines, rest, steps, traffic, ways
from tests.simulation.invariants.sight import Memory, Moment, moments
from tests.simulation.scenario import Event
from tests.simulation.world import Act, World

AT_EFFECTS: Sequence[Callable[[Moment], Iterator[str]]] = (
    ledger.each_effect_is_written_first,
    ledger.each_switch_is_written_first,
    traffic.requests_wait,
    traffic.only_full_strength_gets_traffic,
    traffic.one_version_serves,
    ways.enough_serve_in_turns,
    ways.few_exist_beyond_the_size,
    ways.versions_follow_each_other,
    ways.boots_take_turns,
    ways.what_fails_goes_no_further,
    data.no_image_gets_data_that_it_cannot_read,
    traffic.nobody_is_ended_who_serves,
    traffic.a_busy_time_begins,
    machines.a_disk_has_one_writer,
    machines.a_name_has_one_content,
    machines.memory_is_not_overrun,
    machines.a_disk_leaves_who_has_let_go,
    machines.a_rollout_deletes_what_it_made,
    machines.a_disk_is_deleted_only_by_name,
    machines.an_image_in_use_stays,
    ledger.only_the_holder_acts,
    ledger.no_commit_without_the_lease,
)
AFTER_STEPS: Sequence[Callable[[World, Memory, Act], Iterator[str]]] = (
    steps.current_moves_only_on_success,
    steps.an_end_has_a_reason_and_its_traffic,
    steps.clients_leave_in_time,
    steps.the_dead_keep_nothing,
    steps.a_hold_ends_with_its_switch,
    steps.nothing_surprises,
)
AT_REST: Sequence[Callable[[World, Memory], Iterator[str]]] = (
    rest.the_ledger_holds,
    rest.retained_releases_are_possible,
    rest.rows_say_what_the_ledger_says,
    rest.what_runs_is_declared,
    rest.no_helper_is_left,
    rest.no_request_waits,
    rest.images_here_are_images,
    rest.nothing_is_left_undone,
)


class Watch:
    """`violations` are all that were seen, each beginning with the invariant's name."""

    def __init__(self, world: World) -> None:
        self.world, self.memory = world, Memory()
        self.violations: list[str] = []

    def at_effect(self, when: str, verb: str, name: str) -> list[str]:
        asked = [one for one in AT_EFFECTS if (when, verb) in moments[one.__name__]]
        if not asked:
            return []
        moment = Moment(self.world, self.memory, when, verb, name)
        return self._add((one.__name__, one(moment)) for one in asked)

    def after_step(self, act: Act) -> list[str]:
        return self._add((one.__name__, one(self.world, self.memory, act)) for one in AFTER_STEPS)

    def after_event(self, event: Event) -> list[str]:
        """What people do changes nothing by itself."""
        return self._add([("nothing_surprises", iter(self.world.surprises))])

    def at_rest(self) -> list[str]:
        return self._add((one.__name__, one(self.world, self.memory)) for one in AT_REST)

    def _add(self, asked: Iterable[tuple[str, Iterator[str]]]) -> list[str]:
        found = [f"{name}: {sentence}" for name, sentences in asked for sentence in sentences]
        self.violations += found
        return found
