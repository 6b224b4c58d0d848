"""Roles: who may agree to what comes to an environment."""

from __future__ import annotations

from stoneware.model.noun import Noun


class RoleGrant(Noun):
    """That an actor has a role of this installation, since when (seconds since the epoch), and who gave it."""

    role: str
    actor: str
    since: float
    granted_by: str
    reason: str = ""
