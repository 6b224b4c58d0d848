"""The boot test: a machine from the sealed digest, cut off from the outside, with throw-away disks, asked from outside."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from stoneware.model.deployment import BootTest, DiskSpec, ImageSpec
from stoneware.model.machine import DiskMount, Machine, Phase, Power, WantedDisk, WantedMachine
from stoneware.model.probe import Answer, HttpProbe, TcpProbe

OWNER = "stoneware-boot-test"
SCRATCH_BYTES = 64 * 2**20
ASK_LIMIT_S = 5.0


def test_machine(name: str, digest: str, spec: ImageSpec, disks: dict[str, DiskSpec]) -> WantedMachine:
    """The machine that an image is tested in, with a scratch disk for each mount that a deployment declares for it."""
    ports = sorted({probe.port for test in spec.test if (probe := test.http or test.tcp)})
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
    if test.units:
        return f"at most {test.units.failed} failed units"
    if test.console and test.console.contains:
        return f"console contains {test.console.contains!r}"
    return f"console lacks {test.console.lacks if test.console else ''!r}"


def ask(
    test: BootTest, machine: Machine, console: str, probe: Callable[[HttpProbe | TcpProbe, str, float], Answer]
) -> Answer:
    """One answer to one test, now."""
    if machine.power is not Power.RUNNING:
        return Answer(ok=False, detail=f"the machine is {machine.power}")
    question = test.http or test.tcp
    if question:
        return probe(question, machine.addresses[question.port], ASK_LIMIT_S)
    settled = machine.phase is Phase.SERVING
    if test.units:
        if not settled:
            return Answer(ok=False, detail="the boot isn't over")
        failed = machine.failed_units
        return Answer(ok=len(failed) <= test.units.failed, detail=f"failed units: {', '.join(failed) or 'none'}")
    console_test = test.console
    if console_test and console_test.contains:
        return Answer(ok=console_test.contains in console, detail="the console doesn't show it")
    if is_lost(test, console):
        return Answer(ok=False, detail="the console shows it")
    return Answer(ok=settled, detail="the boot isn't over")


def is_lost(test: BootTest, console: str) -> bool:
    """Whether waiting can't help: what the console must lack is there."""
    return bool(test.console and test.console.lacks and test.console.lacks in console)


def within(tests: Sequence[BootTest]) -> float:
    """Seconds in which every test must have passed."""
    return max((test.within for test in tests), default=120.0)
