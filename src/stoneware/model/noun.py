"""What all nouns share: frozen, strict about unknown keys, and able to go to JSON and back."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Noun(BaseModel):
    """An immutable value. `model_copy(update=…)` makes a changed one; `model_dump_json` / `model_validate_json` round-trip."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
