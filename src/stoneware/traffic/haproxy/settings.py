"""Whether a running proxy still works as it was started: its limits, its entry, and how it treats each machine.

Whoever has the runtime socket can change all of that without a word in any file. So everything that the proxy shows of itself and
that isn't a momentary figure is compared. Nothing of it is put back by further commands: a fresh process from the same
configuration has it all right. What the proxy shows nobody (how often it checks, for one) can't be compared.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from stoneware.model.deployment import HealthSpec
from stoneware.model.route import Route
from stoneware.traffic.haproxy.config import SLOTS, health_of
from stoneware.traffic.haproxy.process import Proxy
from stoneware.traffic.haproxy.templates import MAXCONN

BY_HAND = 4 | 8
"""Of what HAProxy calls tainted: somebody turned on the expert's or the experimental commands of its socket."""
ENABLED, CONFIGURED = 4, 2
"""Of the state of a check or an agent: it runs; there is one."""
OF_THE_MOMENT = {
    *("be_id", "be_name", "srv_id", "srv_name"),
    *("srv_addr", "srv_port", "srv_admin_state"),  # told as members: where they are, and whether they drain or are out
    *("srv_op_state", "srv_time_since_last_change", "srv_check_status", "srv_check_result", "srv_check_health"),
    *("srv_check_state", "srv_agent_state"),  # bits, looked at one by one
}
"""Columns of `show servers state` that aren't how a machine is treated. All others are."""
WEIGHTS = ("srv_uweight", "srv_iweight")
NOTHING = ("", "0", "-")
WORDS = {
    "srv_uweight": "weight",
    "srv_iweight": "weight at first",
    "bck": "backup",
    "slim": "most connections",
    "qlimit": "most that wait",
    "tracked": "checks of",
}


def wrong_settings(route: Route, proxy: Proxy) -> Iterator[str]:
    """Sentences. `route` is what the proxy was last told."""
    yield from limits(proxy.facts("show info"))
    if proxy.processes().rules not in ("", proxy.rules()):
        yield "its rules ask something else than when it started"
    rows = proxy.table("show stat")
    yield from (one for row in rows if row["svname"] == "FRONTEND" for one in entry(row))
    shown = {(row["pxname"], row["svname"]): row for row in rows}
    for state in proxy.servers():
        place, name = state["be_name"], state["srv_name"]
        slot = next((one for one in SLOTS if one == place), None)
        if slot is None:
            yield f"{name} stands in {place}, where no pool is"
        elif slot in route.pools:  # what is where no pool is just goes
            yield from treatment(name, state, shown.get((place, name), {}), health_of(route, slot))


def limits(info: Mapping[str, str]) -> Iterator[str]:
    """Of the whole process: what `show info` calls a limit. We set none but the most connections."""
    wanted = {"Maxconn": MAXCONN, "Hard_maxconn": MAXCONN}
    wanted |= {key: "0" for key in info if key.endswith(("Limit", "RateLim"))}
    yield from (f"its {key} is {info.get(key)}, not {value}" for key, value in wanted.items() if info.get(key) != value)
    if int(info.get("Tainted", "0"), 0) & BY_HAND:
        yield "its expert commands were used"


def entry(row: Mapping[str, str]) -> Iterator[str]:
    """Of where requests come in."""
    if row["status"] != "OPEN":
        yield f"its entry is {row['status']}"
    if row["slim"] != MAXCONN:
        yield f"its entry takes {row['slim']} connections at once, not {MAXCONN}"
    if row["rate_lim"] not in NOTHING:
        yield f"its entry takes {row['rate_lim']} sessions a second, not all"


def treatment(name: str, state: Mapping[str, str], row: Mapping[str, str], health: HealthSpec) -> Iterator[str]:
    """Of one machine: `state` of `show servers state`, `row` of `show stat`."""
    kept = {key: value for key, value in state.items() if key not in OF_THE_MOMENT}
    kept |= {key: row.get(key, "") for key in ("bck", "slim", "qlimit", "tracked", "cookie")}
    wanted = dict.fromkeys(WEIGHTS, "1")
    if not int(state["srv_check_state"]) & ENABLED:
        yield f"{name} isn't checked"
    else:  # only then the proxy says after how many answers
        kept |= {key: row.get(key, "") for key in ("check_rise", "check_fall")}
        wanted |= {"check_rise": str(health.up), "check_fall": str(health.down)}
    if int(state["srv_agent_state"]) & CONFIGURED:
        yield f"{name} is asked by an agent check"
    for key, value in kept.items():
        if value != wanted[key] if key in wanted else value not in NOTHING:
            said = WORDS.get(key) or key.removeprefix("srv_").replace("_", " ")
            should = f"not {wanted[key]}" if key in wanted else "and should have none"
            yield f"{name} has {said} {value or 'unset'}, {should}"
