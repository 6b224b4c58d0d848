"""What systemd in a container is told beyond its image: units that have no use are masked, and marks are set.

A mark is a FIFO below /run/stoneware that systemd itself makes when a target is reached or a unit has failed (a socket unit
with ListenFIFO=). So no program of ours runs in the container, and none is asked of the image: the host sees the marks
through the root of the container's first process.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

MARKS = "run/stoneware"
"""Where the marks are, below the container's root."""

MARKED = ("multi-user", "emergency", "rescue")
MAY_FAIL = ("service", "mount", "automount", "socket", "swap", "timer", "path")

MARK = """\
[Unit]
Description=Marks that {target} is reached
DefaultDependencies=no
After={target}.target
[Socket]
ListenFIFO=/run/stoneware/at-{target}
Service=stoneware-mark.service
"""

FAILED = """\
[Unit]
Description=Marks that %i has failed
DefaultDependencies=no
[Socket]
ListenFIFO=/run/stoneware/failed/%i
Service=stoneware-mark.service
"""

NEVER = """\
[Unit]
Description=Belongs to the marks; nobody writes to them, so it never starts
[Service]
ExecStart=/run/stoneware/nothing
"""

ON_FAILURE = "[Unit]\nOnFailure=stoneware-failed@%n.socket\n"
NO_MARK = "[Unit]\nOnFailure=\n"
"""For the marks themselves, which must not mark one another."""


@dataclass(frozen=True)
class Masks:
    """Units and generators of systemd that a sealed machine has no use for, by file name."""

    units: Sequence[str]
    generators: Sequence[str]


def unit_files() -> dict[str, str]:
    """Files by path below /run/systemd."""
    files = {f"system/stoneware-at-{target}.socket": MARK.format(target=target) for target in MARKED}
    files |= {"system/stoneware-failed@.socket": FAILED, "system/stoneware-mark.service": NEVER}
    files |= {f"system/{kind}.d/10-stoneware.conf": ON_FAILURE for kind in MAY_FAIL}
    ours = ("stoneware-failed@.socket", *(f"stoneware-at-{target}.socket" for target in MARKED))
    return files | {f"system/{unit}.d/10-stoneware.conf": NO_MARK for unit in ours}


def unit_links(masks: Masks) -> dict[str, str]:
    """Links by path below /run/systemd: masks, and what wants what."""
    links = {f"system/{unit}": "/dev/null" for unit in masks.units}
    links |= {f"system-generators/{generator}": "/dev/null" for generator in masks.generators}
    for target in MARKED:
        links[f"system/{target}.target.wants/stoneware-at-{target}.socket"] = f"../stoneware-at-{target}.socket"
    return links
