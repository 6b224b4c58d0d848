"""Whether gates that are declared now ask less than those that a deployment came through before."""

from __future__ import annotations

from collections.abc import Iterator
from zoneinfo import ZoneInfo

from stoneware.model.promotion_spec import FreezeSpec, PromotionSpec, local_moment
from stoneware.model.quantity import counted, format_time


def weaker(before: PromotionSpec, declared: PromotionSpec | None, now: float) -> tuple[str, ...]:
    """What is asked less, in words; nothing where all is asked that was. `declared` None: nothing is gated any more."""
    return tuple(_each(before, declared, now)) if declared else ("no gate is declared any more",)


def _each(before: PromotionSpec, declared: PromotionSpec, now: float) -> Iterator[str]:
    if declared.after != before.after:
        yield f"images would come from {declared.after} instead of {before.after}"
    if before.approval and declared.approval != before.approval:
        yield f"{f'role {declared.approval}' if declared.approval else 'nobody'} would approve instead of {before.approval}"
    if declared.soak < before.soak:
        yield f"soak would be {format_time(declared.soak)} instead of {format_time(before.soak)}"
    if before.drift_free and not declared.drift_free:
        yield "drift would be allowed"
    if gone := len([test for test in before.test if test not in declared.test]):
        yield f"{counted(gone, 'test')} would not be asked"
    if gone := len([one for one in before.freeze if one not in declared.freeze and not _is_over(one, now)]):
        yield f"{counted(gone, 'freeze')} would not hold"


def _is_over(freeze: FreezeSpec, now: float) -> bool:
    if freeze.days is not None or freeze.until is None:
        return False
    return local_moment(freeze.until, ends=True).replace(tzinfo=ZoneInfo(freeze.zone)).timestamp() <= now
