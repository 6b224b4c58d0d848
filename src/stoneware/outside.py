"""JSON that somebody else wrote: what can't be read is one kind of error, whatever is wrong with it."""

from __future__ import annotations

import json
from typing import Any


def parsed(text: str | bytes) -> Any:
    """What a text says. Raises ValueError for what is no JSON, and for what is nested deeper than can be read."""
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
