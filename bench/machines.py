"""What our engine costs a machine: time until it answers, beside a QEMU that nobody manages, and memory on the host."""

from __future__ import annotations

import contextlib
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

from bench import bare
from bench.bakery import MEMORY_BYTES, plain, version_1, wanted_machine
from bench.ground import Ground, free_port, say
from bench.memory import Memory, memory_of
from bench.registry import Figure, benchmark
from stoneware.clock import SystemClock
from stoneware.engines.qemu import QemuEngine
from stoneware.engines.qemu.folder import Folder
from stoneware.host.probe import ask
from stoneware.model.image import Artifact
from stoneware.model.machine import Phase
from stoneware.model.probe import HttpProbe

PAIRS = 7
MACHINES = 3
REQUESTS = 20
SETTLED_S = 3.0
START_LIMIT_S = 120.0
ASK_EVERY_S = 0.01
VERSION = HttpProbe(port=80, path="/version")


@benchmark("vm.start_ratio", unit="ratio", limit=1.3)
def start_ratio(ground: Ground) -> Figure:
    """Seconds until the first HTTP 200 of a machine of ours, over those of a bare QEMU, pair by pair.

    Both are asked in the same way. Who goes first changes from pair to pair, and a pair that isn't counted warms the caches.
    """
    artifact = version_1(ground)
    with _engine(ground) as engine:
        engine.publish_image(artifact)  # as a rollout does before it makes machines: it proves the image, once
        pairs = []
        for number in range(ground.runs(PAIRS) + 1):
            if number % 2:
                ours, theirs = _ours_s(engine, artifact), _theirs_s(ground, engine, artifact)
            else:
                theirs, ours = _theirs_s(ground, engine, artifact), _ours_s(engine, artifact)
            say(f"ours {ours:.2f} s, bare {theirs:.2f} s")
            pairs.append((ours, theirs))
        pairs = pairs[1:]
        ours_s, theirs_s = (statistics.median(side) for side in zip(*pairs, strict=True))
        detail = f"{ours_s:.2f} s over a bare QEMU's {theirs_s:.2f} s (medians; peer: its seconds), {engine.accelerator.name}"
    return Figure([ours / theirs for ours, theirs in pairs], detail, peer=theirs_s)


@benchmark("vm.cold_start_s", unit="s", limit=6)
def cold_start_s(ground: Ground) -> Figure:
    """Seconds from the call that makes a machine to its first HTTP 200: systemd and NGINX."""
    return _starts(ground, version_1(ground), "systemd and NGINX, 2 processors")


@benchmark("vm.plain_start_s", unit="s", limit=2.5)
def plain_start_s(ground: Ground) -> Figure:
    """The same for an image without systemd: one program."""
    return _starts(ground, plain(ground), "busybox httpd without an init, 2 processors")


def _starts(ground: Ground, artifact: Artifact, what: str) -> Figure:
    samples = []
    with _engine(ground) as engine:
        engine.publish_image(artifact)
        for number in range(ground.runs(PAIRS) + 1):
            began = time.monotonic()
            with _machine(engine, artifact, cpus=2) as folder:
                seconds = _first_answer(_address(folder)) - began
            say(f"{seconds:.2f} s")
            samples += [seconds] if number else []  # the first fills the caches
        accelerator = engine.accelerator.name
    return Figure(samples, f"{what}, {accelerator}")


@benchmark("vm.overhead_mb", unit="MB", limit=80)
def overhead_mb(ground: Ground) -> Figure:
    """What a serving machine's process takes on the host beyond the memory that was declared for the guest (10^6 bytes)."""
    artifact, seen = version_1(ground), []
    with _engine(ground) as engine:
        for _ in range(ground.runs(MACHINES)):
            with _machine(engine, artifact) as folder:
                seen.append(_memory_in_use(engine, folder))
                say(f"{seen[-1].beyond_mb:.1f} MB")
        accelerator = engine.accelerator.name
    translated_mb = statistics.median(one.translated_mb for one in seen)
    detail = (
        f"PSS of its QEMU without the guest's memory (declared: {MEMORY_BYTES // 2**20} MiB), one machine at a time, "
        f"{accelerator}; of it {translated_mb:.0f} MB are code that software emulation has translated"
    )
    return Figure([one.beyond_mb for one in seen], detail)


def _memory_in_use(engine: QemuEngine, folder: Folder) -> Memory:
    """After a few requests and a moment of rest."""
    _await_serving(engine)
    for _ in range(REQUESTS):
        ask(VERSION, _address(folder), 5.0)
    time.sleep(SETTLED_S)
    process = folder.process()
    if process is None:
        raise RuntimeError("the machine is gone")
    return memory_of(Path(f"/proc/{process[0]}/smaps"), MEMORY_BYTES)


def _ours_s(engine: QemuEngine, artifact: Artifact) -> float:
    began = time.monotonic()
    with _machine(engine, artifact) as folder:
        return _first_answer(_address(folder)) - began


def _theirs_s(ground: Ground, engine: QemuEngine, artifact: Artifact) -> float:
    port, folder = free_port(), ground.bare
    began = time.monotonic()
    with bare.running(folder, wanted_machine(artifact), artifact, engine.accelerator, port):
        return _first_answer(f"127.0.0.1:{port}") - began


def _first_answer(address: str) -> float:
    """When it first answered as it should (on the monotonic clock)."""
    until = time.monotonic() + START_LIMIT_S
    while time.monotonic() < until:
        if ask(VERSION, address, 1.0).ok:
            return time.monotonic()
        time.sleep(ASK_EVERY_S)
    raise RuntimeError(f"no answer within {START_LIMIT_S:g} s")


@contextlib.contextmanager
def _engine(ground: Ground) -> Iterator[QemuEngine]:
    engine = QemuEngine(ground.home, SystemClock())
    engine.accelerator  # noqa: B018 - it is proven on first use, which isn't to be measured
    try:
        yield engine
    finally:
        engine.close()


@contextlib.contextmanager
def _machine(engine: QemuEngine, artifact: Artifact, cpus: int = 1) -> Iterator[Folder]:
    """A machine of ours, gone afterwards."""
    wanted = wanted_machine(artifact).model_copy(update={"cpus": cpus})
    try:
        engine.create_machine(wanted)
        yield Folder(engine.home.machines / wanted.name)
    finally:
        engine.delete_machine(wanted.name)


def _address(folder: Folder) -> str:
    """Where guest port 80 is, read from the record: asking the engine for it would ask the booting guest, too."""
    record = folder.record()
    if record is None:
        raise RuntimeError(f"no machine {folder.name}")
    return f"127.0.0.1:{record.ports[80]}"


def _await_serving(engine: QemuEngine) -> None:
    until = time.monotonic() + START_LIMIT_S
    while time.monotonic() < until:
        if all(machine.phase is Phase.SERVING for machine in engine.list_machines("bench")):
            return
        time.sleep(0.1)
    raise RuntimeError("the machine doesn't get as far as SERVING")
