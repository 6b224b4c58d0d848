"""Records: what we keep of a thing as a small file of JSON. Somebody may have changed one, or it was half written by hand."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from stoneware.errors import Misconfigured
from stoneware.model.noun import Noun

N = TypeVar("N", bound=Noun)


def read_record(file: Path, kind: type[N]) -> N | None:
    """None when there is no such file. Raises Misconfigured when it isn't what we wrote."""
    try:
        return kind.model_validate_json(file.read_bytes())
    except FileNotFoundError:
        return None
    except ValidationError as broken:
        wrong = broken.errors(include_url=False, include_input=False)[0]["msg"]
        raise Misconfigured(
            f"the record {file} can't be read: {wrong}", "put it back as it was", code="record-damaged"
        ) from broken
