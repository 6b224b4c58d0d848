"""Evidence: what a machine is at one moment, as its host sees its process and as its own kernel tells.

What the host sees can't be lied about from inside. What the kernel in the machine says comes by a channel that answers and can't
run anything; it is there to find what the host can't see, and a machine that is silent or contradicts its host is suspect.
"""

from __future__ import annotations

from stoneware.model.machine import WantedMachine
from stoneware.model.noun import Noun


class Layer(Noun):
    """A layer of the root as a kernel enforces it: the root hash (hex) of its hash tree, and whether it has met a block that
    doesn't match."""

    root_hash: str
    corrupted: bool = False


class Inside(Noun):
    """What the machine itself says. `complete` is False where a list was too long to be sent whole.

    Files in memory (`/run`, `/tmp`) and in the declared writable paths are the machine's own affair: what runs from them is
    among the `programs`.

    `layers` are in the order of the image (none for a container, whose files its host verifies). `written` are paths that were
    made, changed or deleted outside of what is declared writable, `mounted` places where something is mounted that the machine
    wasn't made with, `unmounted` places where what it was made with isn't any more, or is otherwise. `listening` are ports as
    `tcp/80`, `udp/68`, without those that only the machine itself can reach, and without UDP ports that the kernel gives to whoever
    asks a question (32768 and more). `units` are systemd's active services. `programs` are the executables that run, each once.
    `sessions` are logins: whatever has a terminal, and whatever was started from outside.
    """

    layers: tuple[Layer, ...] = ()
    written: tuple[str, ...] = ()
    mounted: tuple[str, ...] = ()
    unmounted: tuple[str, ...] = ()
    listening: tuple[str, ...] = ()
    units: tuple[str, ...] = ()
    programs: tuple[str, ...] = ()
    sessions: tuple[str, ...] = ()
    complete: bool = True


class Evidence(Noun):
    """All that can be known of a running machine. `run` names its present run: another start, another name.

    `opened` is what the process works on and shouldn't, or lacks and should have, as sentences: a file of the image that was
    replaced or deleted under it, another kernel, another size, a device that was plugged in. `reached` are addresses of this
    host at which it can be reached and shouldn't. `cpus` and `memory_bytes` are what it may use (0: no limit).
    `inside` is None when the machine doesn't answer, `silence` says why. `seconds` is what it took to ask. `made_from` is what
    its engine keeps of what it was made from; None where it keeps none.
    """

    machine: str
    run: str
    at: float
    digest: str
    cpus: int
    memory_bytes: int
    opened: tuple[str, ...] = ()
    reached: tuple[str, ...] = ()
    inside: Inside | None = None
    silence: str = ""
    seconds: float = 0.0
    made_from: WantedMachine | None = None
