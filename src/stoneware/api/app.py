"""The API: routes by noun over the same services. It writes operation rows and reads; it never changes an engine's machines."""

from __future__ import annotations

from fastapi import FastAPI

from stoneware import __version__
from stoneware.api import deployments, images, operations, things
from stoneware.api.problems import add_problem_handlers
from stoneware.api.services import Services


def make_app(services: Services) -> FastAPI:
    """The application around a set of services."""
    app = FastAPI(title="Stoneware", version=__version__, docs_url=None, redoc_url=None)
    app.state.services = services
    add_problem_handlers(app)
    for module in (images, deployments, operations, things):
        app.include_router(module.router)
    return app
