"""The API's composition root."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from starlette.routing import Route, WebSocketRoute

from graph.schema import build_schema
from settings import Settings
from web import health, sign_in
from web.graphiql_page import graphiql_routes
from web.graphql import GraphQLEndpoint
from web.request_log import RequestLog
from web.services import Services


def create_app(settings: Settings) -> FastAPI:
    """Make the API. Nothing connects before the first request. Raises InvalidSettings naming what is missing."""
    services = Services.of(settings)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        await services.close()

    app = FastAPI(title="pacegraph", lifespan=lifespan, docs_url=None, redoc_url=None)
    app.state.services = services
    endpoint = GraphQLEndpoint(build_schema())
    app.router.routes += [
        Route("/graphql", endpoint, methods=None),
        WebSocketRoute("/graphql", endpoint),
        *(graphiql_routes() if settings.graphiql == "on" else ()),
    ]
    app.include_router(health.router)
    app.include_router(sign_in.router)
    app.add_middleware(RequestLog)
    return app
