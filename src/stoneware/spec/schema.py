"""The JSON Schema of `stoneware.yaml`, for editors: made from the models that check it, so that both say the same."""

from __future__ import annotations

from typing import Any

from stoneware.model.deployment import Document


def json_schema() -> dict[str, Any]:
    """A schema of draft 2020-12; unknown keys are errors in it too."""
    schema = Document.model_json_schema(mode="validation")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "stoneware.yaml", **schema}
