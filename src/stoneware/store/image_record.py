"""Whether the catalog says of an image what was decided on record: before something new is made of it, not only when it runs."""

from __future__ import annotations

import sqlalchemy as sa

from stoneware.decide.past_images import as_decided, edited, names_in_entries
from stoneware.errors import Conflict
from stoneware.model.image import Image
from stoneware.store.ledger import entry_of
from stoneware.store.tables import ledger


def must_be_on_record(conn: sa.Connection, name: str, row: Image) -> None:
    """Raises Conflict for an image, pinned as `name`, whose row says something else than its entries. One without entries may be
    as it is."""
    names = names_in_entries(row, (name,))
    entries = conn.execute(sa.select(ledger).where(ledger.c.subject.in_(names)).order_by(ledger.c.seq))
    decided = as_decided(row, map(entry_of, entries))
    found = edited(decided, row)
    if found:
        what, expected, says = found[0]
        raise Conflict(
            f"the catalog isn't what is on record of {name}: {what} {says}, decided was {expected}",
            f"`stoneware ledger show --subject {name}` says what was decided: decide it again, or deploy another image",
            code="image-changed",
        )
