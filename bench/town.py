"""A town of the demo for a benchmark: a daemon, version 1 baked and deployed, on an address that nobody else has."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from demo.stage import Stage

from bench.ground import Ground, free_port

DECLARED = "127.0.0.1:18080"


@contextmanager
def open_town(
    ground: Ground, engine: str, prepare: Callable[[Path], None] = lambda _: None
) -> Iterator[tuple[Stage, str]]:
    """The stage and the service's address; nothing is left of it afterwards. `prepare` may change the repository first."""
    stage, address = ground.town(engine), f"127.0.0.1:{free_port()}"
    stage.home.mkdir(parents=True, mode=0o700)
    (stage.home / "build").symlink_to(ground.home.build)
    try:
        stage.set()
        listen(stage, address)
        prepare(stage.repository)
        for words in (["serve", "--background"], ["bake"], ["deploy", "--yes"]):
            stage.run(*words, echo=False)
        yield stage, address
    finally:
        ground.end_town(engine)


def listen(stage: Stage, address: str) -> None:
    """Declares another address than the demo's."""
    declared = stage.repository / "stoneware.yaml"
    declared.write_text(declared.read_text().replace(DECLARED, address))
