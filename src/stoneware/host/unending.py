"""Threads that look again and again must not end because one look went wrong, whatever it was: nobody would notice."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from sqlalchemy.exc import SQLAlchemyError

from stoneware.errors import StonewareError

log = structlog.get_logger()


@contextmanager
def unending(what: str, **about: str) -> Iterator[None]:
    """One turn of such a thread: what goes wrong in it is logged, what nobody has foreseen with its place in the code."""
    try:
        yield
    except (StonewareError, SQLAlchemyError, OSError) as broken:
        log.error(what, error=str(broken), **about)
    except Exception:
        log.exception(what, **about)
