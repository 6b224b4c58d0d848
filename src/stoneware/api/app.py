"""The API: routes by noun over the same services. It writes operation rows and reads; it never changes an engine's machines."""

from __future__ import annotations

from fastapi import FastAPI
from fastapi.routing import APIRoute

from stoneware import __version__
from stoneware.api import (
    bases,
    builders,
    builds,
    deployments,
    disks,
    drift,
    explanations,
    handlers,
    history,
    image_life,
    images,
    inspection,
    keys,
    ledger,
    moving,
    operations,
    problems,
    promotions,
    roles,
    secrets,
    shells,
    things,
    triggers,
)
from stoneware.api.services import Services


def make_app(services: Services) -> FastAPI:
    """The application around a set of services."""
    app = FastAPI(title="Stoneware", version=__version__, docs_url=None, redoc_url=None, redirect_slashes=False)
    app.state.services = services
    routers = [
        module.router
        for module in (
            image_life,
            inspection,
            images,
            moving,
            bases,
            builders,
            builds,
            deployments,
            promotions,
            roles,
            operations,
            things,
            shells,
            secrets,
            disks,
            history,
            explanations,
            drift,
            keys,
            ledger,
            triggers,
            problems,
        )
    ]
    for router in routers:
        app.include_router(router, responses=problems.RESPONSES)
    routes = [route for router in routers for route in router.routes if isinstance(route, APIRoute)]
    handlers.add_problem_handlers(app, routes)
    problems.document_problems(app)
    return app
