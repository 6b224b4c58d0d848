"""The boot test: a machine from the sealed digest, cut off from the outside, with throw-away disks, asked from all sides."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from stoneware.errors import EngineError, Refused
from stoneware.model.deployment import BootTest, CommandTest, ConsoleTest, DiskSpec, ImageSpec, LogTest
from stoneware.model.machine import DiskMount, Machine, Phase, Power, Ran, WantedDisk, WantedMachine
from stoneware.model.probe import Answer, HttpProbe, TcpProbe

OWNER = "stoneware-boot-test"
SCRATCH_BYTES = 64 * 2**20
ASK_LIMIT_S = 5.0
COMMAND_LIMIT_S = 35.0
SETTLED_S = 15.0
"""For how long a command that fails is repeated when the boot is over and everything else has passed."""
LONGEST_SHOWN = 300
JOURNAL = ("journalctl", "--boot", "--no-pager", "--output=cat", "--lines=1", "--case-sensitive=true")


def test_machine(name: str, digest: str, spec: ImageSpec, disks: dict[str, DiskSpec]) -> WantedMachine:
    """The machine that an image is tested in, with a scratch disk for each mount that a deployment declares for it."""
    ports = sorted({probe.port for test in spec.test if (probe := test.http or test.tcp or test.closed)})
    return WantedMachine(
        name=name,
        owner=OWNER,
        group="boot-test",
        fleet=1,
        index=0,
        digest=digest,
        cpus=max(spec.machine.cpus, 2),
        memory_bytes=spec.machine.memory,
        ports=tuple(ports),
        disks=tuple(DiskMount(disk=f"{name}-{disk}", mount=d.mount) for disk, d in sorted(disks.items())),
        isolated=True,
        agent=any(test.run or test.log for test in spec.test),
    )


def scratch_disks(machine: WantedMachine) -> list[WantedDisk]:
    """The disks that such a machine gets."""
    return [WantedDisk(name=mount.disk, owner=OWNER, size_bytes=SCRATCH_BYTES) for mount in machine.disks]


def describe(test: BootTest) -> str:
    """A test in one line."""
    if test.http:
        body = f" with {test.http.body!r}" if test.http.body else ""
        return f"http :{test.http.port}{test.http.path} -> {test.http.status}{body}"
    if test.tcp:
        return f"tcp :{test.tcp.port} accepts"
    if test.closed:
        return f"closed :{test.closed.port}"
    if test.units:
        return f"at most {test.units.failed} failed units"
    if test.run:
        wanted = f" and prints {test.run.contains!r}" if test.run.contains else ""
        return f"run {' '.join(test.run.command)} -> {test.run.status}{wanted}"
    if test.log:
        return f"log{f' of {test.log.unit}' if test.log.unit else ''} {_wanted(test.log)}"
    return f"console {_wanted(test.console)}"


def denies(test: BootTest) -> bool:
    """Whether a test is about something that must not be: it can pass too early."""
    lacks = (test.console and test.console.lacks) or (test.log and test.log.lacks)
    return bool(test.closed or test.units or lacks)


def unanswerable(tests: Sequence[BootTest], systemd: bool) -> str:
    """Why one of the tests can't be asked of an image; empty when all can. Known before anything is started."""
    odd = next((test for test in tests if test.units or (test.log and test.log.unit)), None)
    if systemd or odd is None:
        return ""
    instead = "ask the whole log (without `unit`)" if odd.log else "ask with `http`, `run` or `log`"
    return f"{describe(odd)}: this image has no systemd, so it has no units; {instead}"


def _wanted(test: ConsoleTest | LogTest | None) -> str:
    if test is None:
        return ""
    parts = [f"contains {test.contains!r}" if test.contains else "", f"lacks {test.lacks!r}" if test.lacks else ""]
    return " and ".join(part for part in parts if part)


@dataclass(frozen=True)
class Asker:
    """Asks a machine under test. `inside` runs a command in it; `systemd` is whether it has a journal."""

    machine: Machine
    console: str
    probe: Callable[[HttpProbe | TcpProbe, str, float], Answer]
    inside: Callable[[Sequence[str], float], Ran]
    systemd: bool

    def ask(self, test: BootTest) -> Answer:
        """One answer to one test, now."""
        if self.machine.power is not Power.RUNNING:
            return Answer(ok=False, detail=f"the machine is {self.machine.power}")
        if test.http:
            return self.probe(test.http, self.machine.addresses[test.http.port], ASK_LIMIT_S)
        if test.console and test.console.contains and not test.console.lacks:
            return Answer(ok=test.console.contains in self.console, detail="the console doesn't show it")
        if is_lost(test, self.console):
            return Answer(ok=False, detail="the console shows it")
        if self.machine.phase is not Phase.SERVING:  # the rest says something only when the boot is over
            return Answer(ok=False, detail="the boot isn't over")
        return self._settled(test)

    def _settled(self, test: BootTest) -> Answer:
        if test.tcp:
            return self.probe(test.tcp, self.machine.addresses[test.tcp.port], ASK_LIMIT_S)
        if test.closed:
            answer = self.probe(test.closed, self.machine.addresses[test.closed.port], ASK_LIMIT_S)
            return Answer(ok=not answer.ok, detail=f"something answers on port {test.closed.port}" if answer.ok else "")
        if test.units:
            failed = self.machine.failed_units
            return Answer(ok=len(failed) <= test.units.failed, detail=f"failed units: {', '.join(failed) or 'none'}")
        if test.run:
            return self._run(test.run)
        if test.log:
            return self._log(test.log)
        return (
            _found(test.console, self.console, "console")
            if test.console
            else Answer(ok=False, detail="nothing is asked")
        )

    def _run(self, test: CommandTest) -> Answer:
        try:
            ran = self.inside(test.command, COMMAND_LIMIT_S)
        except EngineError as away:
            return Answer(ok=False, detail=str(away))
        printed = f"; it printed {ran.output.strip()[-LONGEST_SHOWN:]!r}" if ran.output.strip() else ""
        if ran.status != test.status:
            return Answer(ok=False, detail=f"status {ran.status}, expected {test.status}{printed}")
        if test.contains is not None and test.contains not in ran.output:
            return Answer(ok=False, detail=f"status {ran.status}, but it doesn't print {test.contains!r}{printed}")
        return Answer(ok=True, detail=f"status {ran.status}")

    def _log(self, test: LogTest) -> Answer:
        if not self.systemd:
            return _found(test, self.console, "log")
        try:
            for text, wanted in ((test.lacks, False), (test.contains, True)):
                if text is not None and (there := self._journal_has(text, test.unit)) is not wanted:
                    return Answer(ok=False, detail=f"the log {'has' if there else 'lacks'} {text!r}")
        except EngineError as away:
            return Answer(ok=False, detail=str(away))
        return Answer(ok=True, detail="the log is as it should be")

    def _journal_has(self, text: str, unit: str | None) -> bool:
        """journalctl searches where the journal is, however long that has become. Raises Unreachable, Refused."""
        words = [*JOURNAL, f"--grep={re.escape(text)}", *([f"--unit={unit}"] if unit else [])]
        ran = self.inside(words, COMMAND_LIMIT_S)
        if ran.status not in (0, 1) or (ran.status == 1 and "--" not in ran.output and ran.output.strip()):
            raise Refused(f"the journal can't be read: {ran.output.strip()[-LONGEST_SHOWN:]!r}")
        return ran.status == 0


def _found(test: ConsoleTest | LogTest, text: str, where: str) -> Answer:
    if test.lacks and test.lacks in text:
        return Answer(ok=False, detail=f"the {where} has {test.lacks!r}")
    if test.contains and test.contains not in text:
        return Answer(ok=False, detail=f"the {where} doesn't have {test.contains!r}")
    return Answer(ok=True, detail=f"the {where} is as it should be")


def is_lost(test: BootTest, console: str) -> bool:
    """Whether waiting can't help: what the console must lack is there."""
    return bool(test.console and test.console.lacks and test.console.lacks in console)


def wont_pass(tests: Sequence[BootTest], doubts: Sequence[str]) -> str:
    """Why waiting can't help when the boot is long over: only commands haven't passed, and they were repeated until now."""
    if tests and all(test.run for test in tests):
        return f"{doubts[0]}; the boot has been over for {SETTLED_S:g}s, and all else has passed"
    return ""


def within(tests: Sequence[BootTest]) -> float:
    """Seconds in which every test must have passed."""
    return max((test.within for test in tests), default=120.0)
