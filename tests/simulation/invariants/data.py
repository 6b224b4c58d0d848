"""What becomes of the data on disks."""

from __future__ import annotations

from collections.abc import Iterator

from tests.simulation.invariants.sight import Moment, at


@at("before", "attach_disk")
def no_image_gets_data_that_it_cannot_read(now: Moment) -> Iterator[str]:
    """What an image says that it reads is what it gets: asked of what was really written, not of what the store says."""
    disk, _, name = now.name.partition("@")
    says = {m.wanted.name: now.world.says.get(m.wanted.digest) for m in now.world.cloud.contents()}
    now.memory.writes.update({machine: said[1] for machine, said in says.items() if said})
    lines = [line for line in now.world.cloud.content(disk) if line in now.memory.writes]
    written, reads = max((now.memory.writes[line] for line in lines), default=None), says.get(name)
    if written is not None and reads is not None and written not in reads[0]:
        yield f"{disk} has data of schema {written}, and {name} reads {reads[0]}"
