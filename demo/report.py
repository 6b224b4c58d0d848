"""What came of it: the numbers of the story, the verdict, and the table that is printed at the end."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from demo.load import Tally, duplicates

EXPECTED_VERSIONS = ["1", "2", "1"]


@dataclass
class Report:
    """`found` are the critters that the world's disks hold at the end; `seconds` the phases; `problems` what went wrong."""

    seconds: dict[str, float] = field(default_factory=dict)
    tally: Tally = field(default_factory=Tally)
    found: list[str] = field(default_factory=list)
    held_s: list[float] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    @property
    def lost(self) -> list[str]:
        """Critters whose moving in was confirmed and who are gone."""
        return sorted(set(self.tally.stored) - set(self.found))

    def good(self) -> bool:
        """Whether every promise held."""
        kept = not self.problems and not self.tally.failures and not self.lost and not duplicates(self.found)
        return kept and self.tally.sent > 0 and self.tally.versions == EXPECTED_VERSIONS

    def plain(self) -> dict[str, Any]:
        """All of it as plain values."""
        tally = {key: value for key, value in asdict(self.tally).items() if key not in ("waits_s", "stored")}
        return {
            "good": self.good(),
            "seconds": self.seconds,
            **tally,
            "stored": len(self.tally.stored),
            "lost": self.lost,
            "held_s": self.held_s,
            "longest_wait_s": max(self.tally.waits_s, default=0.0),
            "problems": self.problems,
        }


SHORT = {
    "qemu": "bake time 5 s, drain 10 s, health window 3 s (defaults: 10 min, 30 s, 10 s)",
    "container": "bake time 2 s, drain 10 s, health window 1 s (defaults: 10 min, 30 s, 10 s)",
}


def table(report: Report, engine: str) -> str:
    """The table, for people."""
    tally = report.tally
    waits = sorted(tally.waits_s) or [0.0]
    rows = [
        ("requests sent", str(tally.sent)),
        ("requests failed", str(len(tally.failures))),
        ("versions seen, in order", " -> ".join(tally.versions) or "none"),
        ("critters stored", str(len(tally.stored))),
        ("critters lost", str(len(report.lost))),
        ("a request took (median)", f"{waits[len(waits) // 2] * 1000:.0f} ms"),
        ("the longest one took", f"{waits[-1]:.1f} s (held while the disks moved)"),
        *(("seconds: " + phase, f"{seconds:.1f}") for phase, seconds in report.seconds.items()),
    ]
    wrong = [*report.problems, *tally.failures[:5], *report.lost[:5]]
    width = max(len(name) for name, _ in rows)
    lines = [f"  {name.ljust(width)}  {value}" for name, value in rows]
    verdict = "Failed requests: 0. The data is still there." if report.good() else "NOT as promised:"
    return "\n".join([*lines, f"  {'short times, for the demo'.ljust(width)}  {SHORT[engine]}", "", verdict, *wrong])
