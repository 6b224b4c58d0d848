"""The bench of the engine in memory: every tampering of the table, done to `town`, two machines with a disk each."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from tests.support.guard import Guard
from tests.support.simulation import World
from tests.support.specs import spec

from stoneware.model.evidence import Evidence, Layer
from stoneware.model.image import ImageState
from stoneware.model.route import Pool, Route
from stoneware.store.tables import images, operations, release_images, releases, roles, taints

ONE, OTHER = "town-web-r1-0", "town-web-r1-1"
DISK, OTHER_DISK = "town-web-data-0", "town-web-data-1"


@dataclass
class FakeBench:
    """A healthy deployment, and hands to meddle with it."""

    folder: Path
    world: World = field(init=False)
    guard: Guard = field(init=False)

    def __post_init__(self) -> None:
        self.world = World(self.folder)
        self.digest = self.world.publish("web", 1)
        self.world.run(self.world.deploy(spec(disks=True)).id)
        self.guard = Guard(self.world)

    def close(self) -> None:
        self.world.close()

    # Files and images ------------------------------------------------------------------------------------------------

    def flip_a_byte_of_a_stored_image(self) -> None:
        self.guard.damaged[self.digest] = "layer-0.img was changed"

    def lose_a_file_of_a_stored_image(self) -> None:
        self.guard.damaged[self.digest] = "layer-0.img is missing"

    def edit_the_manifest_in_the_catalog(self) -> None:
        body = self.world.store.catalog.manifest(self.digest).model_copy(update={"writable": ("/etc",)})
        self._row(images.update().where(images.c.digest == self.digest).values(manifest=body.model_dump(mode="json")))

    def flip_a_byte_under_a_running_machine(self) -> None:
        self._inside(layers=(Layer(root_hash="0" * 64, corrupted=True),))

    def boot_another_root(self) -> None:
        self._inside(layers=(Layer(root_hash="f" * 64),))

    def leave_a_layer_out(self) -> None:
        self._inside(layers=())

    def replace_an_open_file_of_the_image(self) -> None:
        self._evidence(opened=("layer-0.img was replaced under it",))

    # Machines --------------------------------------------------------------------------------------------------------

    def start_another_image_under_its_name(self) -> None:
        self.world.engine.edit_machine(ONE, digest="sha256:" + "f" * 64)
        self._inside(layers=(Layer(root_hash="0" * 64),))

    def show_one_image_and_run_another(self) -> None:
        self._evidence(digest="sha256:" + "f" * 64)

    def give_it_more_memory(self) -> None:
        self.world.engine.edit_machine(ONE, memory_bytes=2**32)

    def take_cpus_from_it(self) -> None:
        self.world.engine.edit_machine(ONE, cpus=3)

    def restart_it_with_other_memory_behind_its_record(self) -> None:
        self._evidence(memory_bytes=2**28)

    def change_its_configuration(self) -> None:
        self.world.engine.edit_machine(ONE, config={"DEBUG": "1"})

    def give_it_another_secret(self) -> None:
        self.world.engine.edit_machine(ONE, secrets={"PASSWORD": "other/1"})

    def open_another_port_to_it(self) -> None:
        self.world.engine.edit_machine(ONE, ports=(80, 2222))
        self._evidence(inside=self.world.engine.attest(OTHER).inside)

    def kill_it(self) -> None:
        self.world.engine.kill_machine(ONE)

    def delete_it(self) -> None:
        self.world.engine.forget_machine(ONE)
        self.world.engine.edit_disk(DISK, writer=None)

    def stop_it(self) -> None:
        self.world.engine.stop_machine(ONE)

    def start_an_extra_machine(self) -> None:
        self.world.engine.edit_machine(ONE, name="town-web-helper", disks=())

    def start_a_machine_beyond_the_size(self) -> None:
        self.world.engine.edit_machine(ONE, name="town-web-r1-7", index=7, disks=())

    def be_let_in(self) -> None:
        world = self.guard.world
        [machine] = [one for one in world.engine.list_machines() if one.name == ONE]
        taint = {"machine": ONE, "made_at": machine.created_at, "deployment": "town", "engine": "fake"}
        taint |= {"actor": "ann@host", "reason": "looking for the leak", "source": "shell"}
        world.store.taints.set(taint)

    # Inside ----------------------------------------------------------------------------------------------------------

    def write_where_nothing_is_written(self) -> None:
        self._inside(written=("/etc/motd",))

    def run_a_package_manager(self) -> None:
        self._inside(written=tuple(f"/usr/lib/python3/{n}" for n in range(200)))

    def mount_over_a_folder(self) -> None:
        self._inside(mounted=("/usr/share",))

    def open_a_port(self) -> None:
        self._inside(listening=("tcp/4444",))

    def stop_listening(self) -> None:
        self._evidence(inside=self._now().model_copy(update={"listening": ()}))

    def start_a_unit(self) -> None:
        self._inside(units=("miner.service",))

    def stop_a_unit(self) -> None:
        self._evidence(inside=self._now().model_copy(update={"units": ("app.service",)}))

    def start_a_program(self) -> None:
        self._inside(programs=("/usr/bin/nc",))

    def start_a_program_from_memory(self) -> None:
        self._inside(programs=("/dev/shm/x",))

    def log_in(self) -> None:
        self._inside(sessions=("root on pts/0",))

    def silence_it(self) -> None:
        self._evidence(inside=None, silence="no answer within 2 s")

    # Routes ----------------------------------------------------------------------------------------------------------

    def edit_the_map_of_the_proxy(self) -> None:
        route = self._route()
        self._reroute(pools={"B": Pool(fleet="evil", members=route.pools["A"].members)}, active="B")

    def hold_the_requests(self) -> None:
        self._reroute(held=True)

    def send_requests_to_another_address(self) -> None:
        pool = self._route().pools["A"]
        first, *rest = pool.members
        members = (first.model_copy(update={"address": "127.0.0.1:1"}), *rest)
        self._reroute(pools={"A": pool.model_copy(update={"members": members})})

    def drain_a_member(self) -> None:
        pool = self._route().pools["A"]
        first, *rest = pool.members
        self._reroute(
            pools={"A": pool.model_copy(update={"members": (first.model_copy(update={"draining": True}), *rest)})}
        )

    def listen_elsewhere(self) -> None:
        self._reroute(listen="127.0.0.1:9999")

    def give_a_share_to_another_pool(self) -> None:
        route = self._route()
        self._reroute(pools={**route.pools, "B": Pool(fleet="evil")}, shares={"B": 30})

    def remove_the_route(self) -> None:
        self.world.switch.remove("town.play")

    def add_an_extra_service(self) -> None:
        self.world.switch._routes["town.evil"] = self._route().model_copy(update={"service": "town.evil"})

    # Disks -----------------------------------------------------------------------------------------------------------

    def delete_a_disk(self) -> None:
        self.world.engine.forget_disk(DISK)

    def swap_the_disks_of_two_machines(self) -> None:
        self.world.engine.edit_disk(DISK, writer=OTHER)
        self.world.engine.edit_disk(OTHER_DISK, writer=ONE)

    def resize_a_disk(self) -> None:
        self.world.engine.edit_disk(DISK, size_bytes=2**31)

    def swap_the_files_of_two_disks(self) -> None:
        for disk in (DISK, OTHER_DISK):
            self.world.engine.edit_disk(disk, damage="the file of another disk lies in its place")

    def make_an_extra_disk(self) -> None:
        self.world.engine.edit_disk(DISK, name="town-web-data-9", writer=None)

    # Records and policies --------------------------------------------------------------------------------------------

    def edit_the_release_in_the_database(self) -> None:
        other = self.world.publish("web", 2)
        self._edit_release(lambda body: body["groups"]["web"].update(digest=other, image="web/2"))

    def edit_what_the_release_declares(self) -> None:
        def edit(body: dict[str, Any]) -> None:
            body["groups"]["web"]["spec"] |= {"config": {"DEBUG": "1"}, "machine": {"cpus": 3, "memory": "4GiB"}}
            body["spec"]["services"]["play"]["listen"] = "127.0.0.1:9999"

        self._edit_release(edit)

    def let_everything_pass_in_the_releases_row(self) -> None:
        passes = {"reason": "none of your business", "until": "2099-01-01T00:00:00Z"}
        ignore = [{"kind": kind, **passes} for kind in ("inside.port", "release.changed")]
        self._edit_release(lambda body: body["spec"]["drift"].update(ignore=ignore, interval="1d"))
        self.open_a_port()

    def spoil_the_releases_row(self) -> None:
        self._row(releases.update().where(releases.c.number == 1).values(body="no release"))

    def condemn_the_release_in_the_database(self) -> None:
        self._row(releases.update().where(releases.c.number == 1).values(state="BAD"))

    def give_a_role_in_the_database(self) -> None:
        self._row(roles.insert().values(role="release-manager", actor="mallory", body={}))

    def take_the_releases_row_away(self) -> None:
        self._row(releases.delete())

    def forget_what_a_release_keeps(self) -> None:
        self._row(release_images.delete())

    def begin_an_operation_in_the_database(self) -> None:
        now = self.world.clock.now()
        frame = {"engine": "fake", "services": ["play"], "entered_at": now, "looked_at": now}
        row = {"id": "teardown-9", "kind": "teardown", "subject": "town", "open_subject": "town", "actor": "mallory"}
        row |= {"reason": "", "state": "UNROUTING", "frame": frame, "because": ""}
        times = dict.fromkeys(("created_at", "state_since", "wake_at", "written_at"), now)
        self._row(operations.insert().values(**row, **times))
        while self.world.step():
            pass

    def set_the_clock_back(self) -> None:
        self.world.clock.set(self.world.clock.now() - 3600)

    def revoke_the_image(self) -> None:
        self.world.store.catalog.revoke(self.digest, "ann", "a hole")

    def deprecate_the_image(self) -> None:
        self.world.store.catalog.set_state(self.digest, ImageState.DEPRECATED, "ann", "old")

    def make_the_image_obsolete(self) -> None:
        self.world.store.catalog.set_state(self.digest, ImageState.OBSOLETE, "ann", "too old")

    def take_a_revocation_back_in_the_database(self) -> None:
        self.revoke_the_image()
        self._image(revoked_at=None, revoked_reason="")

    def make_a_deprecated_image_active_in_the_database(self) -> None:
        self.deprecate_the_image()
        self._image(state="ACTIVE")

    def revoke_the_image_in_the_database(self) -> None:
        self._image(revoked_at=self.world.clock.now())

    def set_a_timer_in_the_database(self) -> None:
        self._image(delete_at=self.world.clock.now() + 3600)

    def forget_a_taint_in_the_database(self) -> None:
        self.be_let_in()
        with self.world.store.db.begin() as conn:
            conn.execute(taints.delete())

    # Hands -----------------------------------------------------------------------------------------------------------

    def _inside(self, **changes: object) -> None:
        self.world.engine.meddle_inside(ONE, **changes)

    def _evidence(self, **changes: object) -> None:
        def change(evidence: Evidence) -> Evidence:
            return evidence.model_copy(update=changes)

        self.world.engine.meddle(ONE, change)

    def _now(self):  # type: ignore[no-untyped-def]
        return self.world.engine.attest(ONE).inside

    def _route(self) -> Route:
        return self.world.switch._routes["town.play"]

    def _reroute(self, **changes: object) -> None:
        self.world.switch._routes["town.play"] = self._route().model_copy(update=changes)

    def _image(self, **values: object) -> None:
        self._row(images.update().where(images.c.digest == self.digest).values(**values))

    def _edit_release(self, edit: Callable[[dict[str, Any]], object]) -> None:
        with self.world.store.db.begin() as conn:
            body = conn.scalar(sa.select(releases.c.body).where(releases.c.number == 1))
        assert body is not None
        edit(body)
        self._row(releases.update().where(releases.c.number == 1).values(body=json.loads(json.dumps(body))))

    def _row(self, statement: sa.Executable) -> None:
        with self.world.store.db.begin() as conn:
            conn.execute(statement)
