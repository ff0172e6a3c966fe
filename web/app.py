"""The API's composition root."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from starlette.routing import Route, WebSocketRoute
from starlette.types import Receive, Scope, Send

from graph.schema import build_schema
from settings import Settings
from web import health, sign_in
from web.graphiql_page import graphiql_routes
from web.graphql import GraphQLEndpoint
from web.metrics import metrics_route
from web.planned import PlannedQueries
from web.request_log import RequestLog
from web.services import Services
from web.websocket import WebSockets


class _Api(FastAPI):
    """FastAPI, with a short way for what is asked thousands of times a second."""

    planned_queries: PlannedQueries

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == "/graphql":
            await self.planned_queries({**scope, "app": self}, receive, send)
        else:
            await super().__call__(scope, receive, send)

    async def call_routes(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Go the long way: middleware and routes."""
        await super().__call__(scope, receive, send)


def create_app(settings: Settings) -> FastAPI:
    """Make the API. Nothing connects before the first request. Raises InvalidSettings naming what is missing."""
    services = Services.of(settings)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        await services.close()

    app = _Api(title="pacegraph", lifespan=lifespan, docs_url=None, redoc_url=None)
    app.state.services = services
    app.planned_queries = PlannedQueries(services, services.executor, app.call_routes)
    endpoint = GraphQLEndpoint(build_schema())
    app.router.routes += [
        Route("/graphql", endpoint, methods=None),
        WebSocketRoute("/graphql", WebSockets(services)),
        metrics_route(services),
        *(graphiql_routes() if settings.graphiql == "on" else ()),
    ]
    app.include_router(health.router)
    app.include_router(sign_in.router)
    app.add_middleware(RequestLog)
    return app
