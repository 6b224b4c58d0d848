"""Short ways to an image, to strategies for it, and to a machine that has it, for tests of decisions."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from stoneware.model.image import Image, ImageState
from stoneware.model.machine import Machine, Power

PUBLISHED = [ImageState.ACTIVE, ImageState.DEPRECATED, ImageState.OBSOLETE]
NOW = 1_700_000_000.0
DAY = 86400.0

moments = st.floats(NOW - 100 * DAY, NOW + 100 * DAY)
timers = st.fixed_dictionaries(
    {f"{verb}_at": st.none() | moments for verb in ("deprecate", "obsolete", "delete")},
)


def image(number: int | None = 1, family: str = "web", **more: Any) -> Image:
    """An ACTIVE image, baked now; STAGED without a number."""
    state = ImageState.ACTIVE if number else ImageState.STAGED
    words = {"state": state, "created_at": NOW, "state_at": NOW, "digest": f"sha256:{family}/{number}", **more}
    return Image(family=family, number=number, **words)


def machine(power: Power = Power.RUNNING, digest: str = "sha256:web/1") -> Machine:
    """A machine that has an image."""
    return Machine(
        name="town-web-r1-0", owner="town", group="web", fleet=1, index=0, digest=digest, power=power, created_at=NOW
    )


@st.composite
def images(draw: st.DrawFn, number: int | None = 1, family: str = "web") -> Image:
    """Any published image: any state, any timers, revoked or not."""
    revoked = {"revoked_at": NOW, "revoked_reason": "bad"} if draw(st.booleans()) else {}
    state = draw(st.sampled_from(PUBLISHED)) if number else ImageState.STAGED
    return image(number, family, state=state, created_at=draw(moments), **draw(timers), **revoked)
