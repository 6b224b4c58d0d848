"""Machines behind a running proxy, added and taken away without a reload."""

from __future__ import annotations

import time
from collections.abc import Mapping

from stoneware.errors import Refused, Unreachable
from stoneware.model.deployment import HealthSpec
from stoneware.model.route import MemberState, MemberView, Pool, Slot
from stoneware.traffic.haproxy.config import server_options, word
from stoneware.traffic.haproxy.process import Proxy

REMOVAL_LIMIT_S = 3.0
PASSED = ("L7OK", "L4OK", "L6OK", "L7OKC")


def set_members(proxy: Proxy, slot: Slot, pool: Pool | None, health: HealthSpec) -> None:
    """Makes the machines of a slot exactly those of the pool."""
    wanted = {m.machine: m for m in pool.members} if pool else {}
    present = {row["svname"]: row for row in _rows(proxy, slot)}
    for machine, row in present.items():
        if machine not in wanted or wanted[machine].address != row["addr"]:
            _take_away(proxy, slot, machine)
    for machine, member in wanted.items():
        known = present.get(machine)
        if known is None or known["addr"] != member.address:
            _add(proxy, slot, machine, member.address, health)
            known = None
        aside = known is not None and known["status"].startswith("MAINT")  # by somebody's hand: we only take away so
        if aside or member.draining != (known is not None and known["status"].startswith("DRAIN")):
            _set_state(proxy, slot, machine, "drain" if member.draining else "ready")


def members_of(rows: list[dict[str, str]], slot: Slot) -> tuple[MemberView, ...]:
    """The machines of a slot as the proxy sees them (`rows`: its statistics). One in maintenance is on its way out."""
    return tuple(
        MemberView(
            machine=row["svname"],
            address=row["addr"],
            state=_state(row),
            detail=f"{row['check_status']} {row.get('last_chk', '')}".strip(),
            open_requests=int(row["scur"] or 0),
            draining=row["status"].startswith("DRAIN"),
        )
        for row in rows
        if row["pxname"] == slot and row["svname"] not in ("FRONTEND", "BACKEND") and row["status"] != "MAINT"
    )


def _state(row: Mapping[str, str]) -> MemberState:
    """A machine counts as up only after one of the proxy's own checks has passed: a new one is UP for it by assumption."""
    checked = row["check_status"].removeprefix("* ")
    if row["status"].startswith(("UP", "DRAIN")):
        return MemberState.UP if checked in PASSED else MemberState.CHECKING
    return MemberState.DOWN


def _rows(proxy: Proxy, slot: Slot) -> list[dict[str, str]]:
    rows = proxy.table("show stat")
    return [row for row in rows if row["pxname"] == slot and row["svname"] not in ("FRONTEND", "BACKEND")]


def _add(proxy: Proxy, slot: Slot, machine: str, address: str, health: HealthSpec) -> None:
    server = f"{slot}/{word(machine)}"
    answer = proxy.command(
        f"add server {server} {word(address)} {server_options(health)}",
        f"enable server {server}",
        f"enable health {server}",
    )
    if "New server registered" not in answer:
        raise Refused(f"the proxy doesn't take machine {machine}: {answer.strip()[:200]}")


def _set_state(proxy: Proxy, slot: Slot, machine: str, state: str) -> None:
    answer = proxy.command(f"set server {slot}/{word(machine)} state {state}").strip()
    if answer:
        raise Unreachable(f"the proxy doesn't set {machine} to {state}: {answer[:200]}")


def _take_away(proxy: Proxy, slot: Slot, machine: str) -> None:
    server = f"{slot}/{word(machine)}"
    until = time.monotonic() + REMOVAL_LIMIT_S
    while True:
        answer = proxy.command(
            f"set server {server} state maint", f"shutdown sessions server {server}", f"del server {server}"
        )
        if "Server deleted" in answer or "No such server" in answer:
            return
        if time.monotonic() > until:
            raise Unreachable(f"the proxy still holds connections to {machine}: {answer.strip()[:200]}")
        time.sleep(0.02)
