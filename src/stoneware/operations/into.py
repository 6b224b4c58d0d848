"""What a deploy into an environment brings along."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from sqlalchemy import Connection

from stoneware.model.environment import Environment
from stoneware.model.ledger import Fact
from stoneware.model.promotion_spec import PromotionSpec


@dataclass(frozen=True)
class Into:
    """Where a release belongs, the digests that its groups get instead of their families' newest, what its plan warns of, and what
    goes into the ledger and the store together with it. `gates` are those of where it goes, for whoever does it once more."""

    environment: Environment | None = None
    digests: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    facts: tuple[Fact, ...] = ()
    also: Callable[[Connection], None] = lambda _: None
    gates: PromotionSpec | None = None
