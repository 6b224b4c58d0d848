"""Nouns of which any part may be left out: what is said over another noun, and made from it, so that both know the same keys."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, get_args, get_origin

from pydantic import create_model
from pydantic.fields import FieldInfo

from stoneware.model.noun import Noun

Fixed = Mapping[type[Noun], tuple[str, ...]]
"""Keys of a noun that nothing can be said over."""


def partly(noun: type[Noun], doc: str, fixed: Fixed) -> type[Noun]:
    """A noun `XOverride` for `XSpec` (or `X`), with its keys but the fixed ones, none of which has to be there. What stands in it
    by itself or by name is partial, too; lists are whole. Rules about several keys are asked of what comes out."""
    return _made(noun, doc, fixed, {})


def _made(noun: type[Noun], doc: str, fixed: Fixed, met: dict[type[Noun], type[Noun]]) -> type[Noun]:
    if noun not in met:
        fields: dict[str, Any] = {
            name: (_type(field, fixed, met), None)
            for name, field in noun.model_fields.items()
            if name not in fixed.get(noun, ())
        }
        title = f"{noun.__name__.removesuffix('Spec')}Override"
        met[noun] = create_model(title, __base__=Noun, __doc__=doc or _doc(noun), __module__=__name__, **fields)
    return met[noun]


def _doc(noun: type[Noun]) -> str:
    return f"What is said over `{noun.__name__}`."


def _type(field: FieldInfo, fixed: Fixed, met: dict[type[Noun], type[Noun]]) -> Any:
    """What may be written for a key: as in the noun itself. Nothing at all isn't among it: a key that is there has a value."""
    kind = field.annotation
    if type(None) in get_args(kind):
        [kind] = [one for one in get_args(kind) if one is not type(None)]
    if isinstance(kind, type) and issubclass(kind, Noun):
        return _made(kind, "", fixed, met)
    if get_origin(kind) is dict:
        name, value = get_args(kind)
        if isinstance(value, type) and issubclass(value, Noun):
            inner: Any = _made(value, "", fixed, met)
            return dict.__class_getitem__((name, inner))
    return Annotated[kind, *field.metadata] if field.metadata else kind
