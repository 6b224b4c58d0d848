"""Deeds that are the same whatever the machines are, and what comes of them.

What was found is read from the ledger: the daemon mends some of it at once.
"""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from bench.ground import free_port
from demo.stage import Failed
from tests.tampering.hands import DEPLOYMENT, SERVICE, Hands

from stoneware.clock import SystemClock
from stoneware.model.route import Route
from stoneware.store.database import url_for, writing
from stoneware.store.store import open_store
from stoneware.store.tables import taints
from stoneware.traffic.haproxy import HaproxySwitch
from stoneware.traffic.haproxy.process import Proxy

FOUND_WITHIN_S = 15.0
HEALED_WITHIN_S = 120.0


class Deeds(Hands):
    """A bench for an engine adds its own. `clean` undoes what was done, and waits until all is well again."""

    found_within_s = FOUND_WITHIN_S
    healed_within_s = HEALED_WITHIN_S
    told: Sequence[dict[str, Any]] = ()
    """The facts of what began to differ after the last deed."""

    # The verdict -----------------------------------------------------------------------------------------------------

    def kinds_after(self, deed: str, least: tuple[str, ...]) -> set[str]:
        """The classes that began to differ after a deed, `least` being awaited for as long as a daemon may take."""
        before = self._last()
        getattr(self, deed)()
        until, found = time.monotonic() + self.found_within_s, set[str]()
        while time.monotonic() < until and not set(least) <= found:
            self.look()
            found = self._begun(before) | self._ledger(least)
            time.sleep(0.2)
        return found

    def repaired_after(self, deed: str) -> str:
        """The reason of the repair that a deed led to; empty when there is none in time."""
        before = {one["id"] for one in self.stage.json("history", "--limit", "50")}
        getattr(self, deed)()
        until = time.monotonic() + self.healed_within_s
        while time.monotonic() < until:
            fresh = [one for one in self.stage.json("history", "--limit", "5") if one["id"] not in before]
            if fresh:
                return str(fresh[-1]["reason"])
            time.sleep(0.2)
        return ""

    def look(self) -> list[dict[str, Any]]:
        """What differs now, after as many looks as it takes; of all deployments, and of what belongs to none."""
        argv = self.stage._words(("drift", "--json"))
        ended = subprocess.run(
            argv, cwd=self.stage.place, env=self.stage._env(), check=False, capture_output=True, text=True
        )
        if ended.returncode not in (0, 4):
            raise Failed(f"drift ended with {ended.returncode}: {ended.stderr}")
        return [one for report in json.loads(ended.stdout) for one in report["drifts"]]

    def clean(self) -> None:
        """All is as before, and the daemon has mended what it mends. Raises Failed when it doesn't come to that."""
        self.undo()
        until, left = time.monotonic() + self.healed_within_s, self.look()
        while left or self._busy():
            if time.monotonic() > until:
                raise Failed(f"still differs: {[(one['kind'], one['subject'], one['found']) for one in left]}")
            time.sleep(0.5)
            left = self.look()

    def _busy(self) -> bool:
        return any(one["result"] is None for one in self.stage.json("history", "--limit", "3"))

    def _last(self) -> int:
        return int(self._rows("SELECT max(seq) FROM ledger")[0][0])

    def _begun(self, after: int) -> set[str]:
        facts = [json.loads(row[0]) for row in self._rows("SELECT fact FROM ledger WHERE seq > ?", after)]
        self.told = [one for one in facts if one["verb"] == "drift.begin"]
        return {one["details"]["class"] for one in self.told}

    def _ledger(self, least: tuple[str, ...]) -> set[str]:
        """What `ledger verify` says, where it is asked."""
        if "ledger.broken" not in least:
            return set()
        return {"ledger.broken"} if self.verdict() else set()

    def verdict(self) -> str:
        """What is wrong with the ledger; empty for nothing."""
        argv = self.stage._words(("ledger", "verify", "--json"))
        ended = subprocess.run(
            argv, cwd=self.stage.place, env=self.stage._env(), check=False, capture_output=True, text=True
        )
        return str(json.loads(ended.stdout)["problem"] or "")

    # Files that are told of the catalog, and logins ------------------------------------------------------------------

    def edit_the_manifest_in_the_catalog(self) -> None:
        def edit(manifest: dict[str, Any]) -> None:
            manifest["writable"] = ["/etc"]

        self._edit_row("images", "manifest", f"digest = '{self._digest}'", edit)

    def edit_the_map_of_the_proxy(self) -> None:
        self._proxy(f"set map state.map active {self._idle_slot}")

    def hold_the_requests(self) -> None:
        self._proxy("set map state.map held 1")

    def send_requests_to_another_address(self) -> None:
        self._proxy(f"set server {self._slot}/{self.one} addr 127.0.0.1 port 1")

    def drain_a_member(self) -> None:
        self._proxy(f"set server {self._slot}/{self.one} state drain")

    def take_a_member_out(self) -> None:
        self._proxy(f"set server {self._slot}/{self.one} state maint")

    def remove_an_entry_of_the_map(self) -> None:
        self._proxy("del map state.map active")

    def listen_elsewhere(self) -> None:
        path = self.home.traffic / SERVICE / "route.json"
        self._edit_json(path, lambda body: body.update(listen="127.0.0.1:28099"))

    def give_a_share_to_another_pool(self) -> None:
        self._proxy(f"set map state.map first {self._idle_slot}", "set map state.map first_below 30")

    def write_rubbish_over_the_route(self) -> None:
        (self.home.traffic / SERVICE / "route.json").write_text("rubbish")

    def remove_the_route(self) -> None:
        (self.home.traffic / SERVICE / "route.json").unlink()

    def delete_a_disk(self) -> None:
        self._move_away(self._disk(self.disk))

    def swap_the_disks_of_two_machines(self) -> None:
        for disk, writer in ((self.disk, self.other), (self.other_disk, self.one)):
            self._edit_json(self._disk(disk), lambda body, writer=writer: self._of_disk(body).update(writer=writer))

    def resize_a_disk(self) -> None:
        self._edit_json(self._disk(self.disk), lambda body: self._of_disk(body).update(size_bytes=2**31))

    def make_an_extra_disk(self) -> None:
        name = f"{DEPLOYMENT}-web-worlds-9"
        body = json.loads(self._disk(self.disk).read_bytes())
        self._of_disk(body).update({"name": name, "writer": None})
        self._disk(name).write_text(json.dumps(body))
        self._undo.append(self._disk(name).unlink)

    def edit_the_release_in_the_database(self) -> None:
        self._edit_release(lambda body: body["groups"]["web"].update(image="critter-web/99"))

    def edit_what_the_release_declares(self) -> None:
        """None of it is done to the machines or to the proxy, which are as they were declared."""

        def edit(body: dict[str, Any]) -> None:
            body["groups"]["web"]["spec"] |= {"config": {"DEBUG": "1"}, "machine": {"cpus": 3, "memory": "4GiB"}}
            for entry in body["spec"]["services"].values():
                entry["listen"] = "127.0.0.1:28098"

        self._edit_release(edit)

    def let_everything_pass_in_the_releases_row(self) -> None:
        passes = {"reason": "none of your business", "until": "2099-01-01T00:00:00Z"}
        ignore = [{"kind": kind, **passes} for kind in ("inside.port", "release.changed")]
        self._edit_release(lambda body: body["spec"]["drift"].update(ignore=ignore, interval="1d"))
        self.open_a_port()

    def spoil_the_releases_row(self) -> None:
        self._edit_release(lambda body: body.clear())

    def _edit_release(self, edit: Callable[[dict[str, Any]], object]) -> None:
        self._edit_row("releases", "body", f"number = {self.release}", edit)

    def condemn_the_release_in_the_database(self) -> None:
        where = f"number = {self.release}"
        self._rows(f"UPDATE releases SET state = 'BAD' WHERE {where}")
        self._undo.append(lambda: self._rows(f"UPDATE releases SET state = 'GOOD' WHERE {where}"))

    def take_the_releases_row_away(self) -> None:
        self._take_rows("releases", f"number = {self.release}")

    def forget_what_a_release_keeps(self) -> None:
        self._take_rows("release_images", f"number = {self.release}")

    def _take_rows(self, table: str, where: str) -> None:
        before = self._rows(f"SELECT * FROM {table} WHERE {where}")
        self._rows(f"DELETE FROM {table} WHERE {where}")
        marks = ", ".join("?" for _ in before[0])
        self._undo += [lambda row=row: self._rows(f"INSERT INTO {table} VALUES ({marks})", *row) for row in before]

    def begin_an_operation_in_the_database(self) -> None:
        """One that would take the deployment away."""
        now, frame = time.time(), json.dumps({"engine": self.engine, "services": ["play"]})
        row = {"id": "teardown-900", "kind": "teardown", "subject": DEPLOYMENT, "open_subject": DEPLOYMENT}
        row |= {"actor": "mallory", "reason": "", "state": "UNROUTING", "frame": frame, "because": ""}
        times = dict.fromkeys(("created_at", "state_since", "wake_at", "written_at", "lease_until"), now - 1)
        values = {**row, **times, "failures": 0, "paused": 0, "lease_token": 0}
        marks = ", ".join("?" for _ in values)
        self._rows(f"INSERT INTO operations ({', '.join(values)}) VALUES ({marks})", *values.values())

    def set_the_clock_back(self) -> None:
        """An hour, for the daemon alone: the host's own would take everything else along."""
        [library] = Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1")
        self._begin_anew({"LD_PRELOAD": str(library), "FAKETIME": "-1h"})
        self._undo.append(lambda: self._begin_anew({}))

    def _begin_anew(self, env: dict[str, str]) -> None:
        """The daemon, with more in its environment."""
        for words in ("--stop", "--background"):
            argv = self.stage._words(("serve", words))
            subprocess.run(argv, env={**self.stage._env(), **env}, check=True, capture_output=True, timeout=60)

    def give_a_role_in_the_database(self) -> None:
        self._rows("INSERT INTO roles (role, actor, body) VALUES ('release-manager', 'mallory', '{}')")
        self._undo.append(lambda: self._rows("DELETE FROM roles"))

    def revoke_the_image(self) -> None:
        self._decide("revoke", "restore", "--revoked")

    def deprecate_the_image(self) -> None:
        self._decide("deprecate", "restore")

    def make_the_image_obsolete(self) -> None:
        self._decide("obsolete", "restore")

    def take_a_revocation_back_in_the_database(self) -> None:
        self.revoke_the_image()
        self._set_image(revoked_at=None)

    def make_a_deprecated_image_active_in_the_database(self) -> None:
        self.deprecate_the_image()
        self._set_image(state="ACTIVE")

    def revoke_the_image_in_the_database(self) -> None:
        self._set_image(revoked_at=time.time())

    def set_a_timer_in_the_database(self) -> None:
        self._set_image(delete_at=time.time() + 3600)

    def forget_a_taint_in_the_database(self) -> None:
        """In one transaction with the taint, before the daemon can make the machine anew for it."""
        [made_at] = [one["created_at"] for one in self.stage.json("machine", "list") if one["name"] == self.one]
        taint = {"machine": self.one, "made_at": made_at, "deployment": DEPLOYMENT, "engine": self.engine}
        taint |= {"actor": "ann@host", "reason": "looking for the leak", "source": "shell"}
        store = open_store(url_for(self.home.database), SystemClock())
        with writing(store.db) as conn:
            store.taints.add(taint, conn)
            conn.execute(taints.delete().where(taints.c.machine == self.one, taints.c.ended_at.is_(None)))
        store.close()
        self._undo.append(self.be_let_in)

    def _decide(self, verb: str, *back: str) -> None:
        [name] = [f"{one['family']}/{one['number']}" for one in self._images() if one["digest"] == self._digest]
        self.stage.run("image", verb, name, "--reason", "a hole", echo=False)
        self._undo.append(lambda: self.stage.run("image", *back, name, "--reason", "it was none", echo=False))

    def _images(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.stage.json("image", "list")
        return found

    def swap_the_files_of_two_disks(self) -> None:
        """The data of one are the other's from the next start on."""
        one, other = (self._disk(name).with_suffix(self.disk_suffix) for name in (self.disk, self.other_disk))
        aside = one.with_name("aside")

        def swap() -> None:
            one.rename(aside)
            other.rename(one)
            aside.rename(other)

        swap()
        self._undo.append(swap)

    # The proxy, as it isn't seen from its pools ----------------------------------------------------------------------

    def edit_a_label(self) -> None:
        self._proxy(f"set map state.map label_{self._slot} evil")

    def let_clients_stay(self) -> None:
        self._proxy("set map state.map sticky 1")

    def weigh_a_member(self) -> None:
        self._proxy(f"set server {self._slot}/{self.one} weight 0")

    def stop_checking_a_member(self) -> None:
        self._proxy(f"disable health {self._slot}/{self.one}")

    def put_a_member_where_no_pool_is(self) -> None:
        self._proxy("add server C/evil 127.0.0.1:1")

    def close_the_entry(self) -> None:
        self._proxy("disable frontend service")

    def limit_what_the_proxy_takes(self) -> None:
        self._proxy("set maxconn global 5")

    def limit_what_its_entry_takes(self) -> None:
        self._proxy("set maxconn frontend service 1")

    def limit_how_fast_the_proxy_takes_it(self) -> None:
        self._proxy("set rate-limit connections global 1")

    def check_a_member_elsewhere(self) -> None:
        self._proxy(f"set server {self._slot}/{self.one} check-port 81")

    def make_a_member_a_backup(self) -> None:
        """It is added again as it was, but for two words."""
        server, known = f"{self._slot}/{self.one}", Proxy(self.home.traffic / SERVICE).servers()
        [member] = [one for one in known if (one["be_name"], one["srv_name"]) == (self._slot, self.one)]
        self._proxy(
            f"set server {server} state maint",
            f"shutdown sessions server {server}",
            f"del server {server}",
            f"add server {server} {member['srv_addr']}:{member['srv_port']} check backup maxconn 1",
            f"enable server {server}",
            f"enable health {server}",
        )

    def refuse_everybody_by_a_rule(self) -> None:
        """The rule that answers while no release is there yet now answers always."""
        self._proxy(f"add acl #4 {self._slot}")

    def write_into_the_proxys_configuration(self) -> None:
        with (self.home.traffic / SERVICE / "haproxy.cfg").open("a") as file:
            file.write("# mine\n")

    def listen_elsewhere_too(self) -> None:
        """A proxy of somebody's own configuration takes over, and the configuration is put back."""
        file = self.home.traffic / SERVICE / "haproxy.cfg"
        before = file.read_text()
        file.write_text(before.replace("    bind ", f"    bind 127.0.0.1:{free_port()}\n    bind ", 1))
        Proxy(file.parent).start("")
        file.write_text(before)

    def add_an_extra_service(self) -> None:
        switch, name = HaproxySwitch(self.home), f"{DEPLOYMENT}.evil"
        route = json.loads((self.home.traffic / SERVICE / "route.json").read_bytes())
        route |= {"service": name, "listen": f"127.0.0.1:{free_port()}"}
        switch.apply(Route.model_validate(route))
        self._undo.append(lambda: switch.remove(name))

    # The ledger ------------------------------------------------------------------------------------------------------

    def edit_an_entry_of_the_ledger(self) -> None:
        self._edit_row("ledger", "fact", "seq = 3", lambda fact: fact.update(actor="nobody"))

    def insert_an_entry_into_the_ledger(self) -> None:
        """Between two others no number is free: it takes the place of one."""
        before = self._rows("SELECT hash FROM ledger WHERE seq = 4")[0][0]
        self._rows("UPDATE ledger SET hash = ? WHERE seq = 4", "0" * 64)
        self._undo.append(lambda: self._rows("UPDATE ledger SET hash = ? WHERE seq = 4", before))

    def remove_an_entry_from_the_ledger(self) -> None:
        row = self._rows("SELECT * FROM ledger WHERE seq = 5")[0]
        self._rows("DELETE FROM ledger WHERE seq = 5")
        marks = ", ".join("?" * len(row))
        self._undo.append(lambda: self._rows(f"INSERT INTO ledger VALUES ({marks})", *row))

    def cut_the_ledger(self) -> None:
        """Behind a checkpoint. It can't be undone, for the daemon writes on: a last deed."""
        self.stage.run("ledger", "checkpoint", echo=False)
        self._rows("DELETE FROM ledger WHERE seq = (SELECT max(seq) FROM ledger)")
