"""Tamperings with real containers and real virtual machines: how many were tried, and how many of them went unseen, were called
something else, or could be done where they must be impossible.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tests.tampering import container, machine
from tests.tampering.container import ContainerBench
from tests.tampering.deeds import Deeds
from tests.tampering.hole import dig
from tests.tampering.machine import MachineBench
from tests.tampering.rows import Row

from bench.ground import Ground, say
from bench.registry import Figure, benchmark
from bench.town import open_town


@benchmark("drift.tamperings", unit="deeds", at_least=30)
def tamperings(ground: Ground) -> Figure:
    """Each is done by hand, as root of the host or in the machine, to a town that serves."""
    tried, _ = ground.once("tamperings", lambda: _both(ground))
    return Figure([tried], "with two containers, two virtual machines, their proxy, disks, images and records")


@benchmark("drift.missed", unit="deeds", limit=0)
def missed(ground: Ground) -> Figure:
    """Of the same: neither more nor fewer classes of drift than the table says."""
    _, names = ground.once("tamperings", lambda: _both(ground))
    return Figure([len(names)], ", ".join(names) or "each was detected with its class", counted=True)


def _both(ground: Ground) -> tuple[int, list[str]]:
    with open_town(ground, "container") as (stage, _):
        wrong = _tamper(ContainerBench(stage), container.DEEDS, container.kinds_of)
    with open_town(ground, "qemu", dig) as (stage, _):
        bench = MachineBench(stage)
        wrong += _tamper(bench, machine.DEEDS, machine.kinds_of)
        wrong += [proof for proof in machine.PROOFS if not _is_proven(bench, proof)]
    return len(container.DEEDS) + len(machine.DEEDS) + len(machine.PROOFS), wrong


def _tamper(bench: Deeds, rows: Sequence[Row], kinds_of: Callable[[Row], tuple[str, ...]]) -> list[str]:
    wrong = []
    for row in rows:
        kinds = kinds_of(row)
        found = bench.kinds_after(row.deed, kinds)
        told = f"{row.deed}: {', '.join(sorted(found)) or 'nothing'}"
        say(told)
        if found != set(kinds):
            wrong.append(told)
            for fact in bench.told:
                where, seen = fact["details"]["where"], fact["details"]["found"]
                say(f"  {fact['details']['class']} of {fact['subject']} {where}: {seen}")
        bench.clean()
    return wrong


def _is_proven(bench: MachineBench, proof: str) -> bool:
    try:
        getattr(bench, proof)()
    except AssertionError as could:
        say(f"{proof}: {could}")
        return False
    return not bench.look()
