"""The API's composition root."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from prometheus_client import CollectorRegistry
from starlette.routing import WebSocketRoute
from starlette.types import Receive, Scope, Send

from settings import Settings
from web import health, sign_in
from web.errors import answer_errors
from web.graphiql_page import graphiql_routes
from web.graphql_http import GraphQLOverHttp
from web.limits.requests import RequestLimit
from web.metrics import metrics_route
from web.request_log import RequestLog
from web.security_headers import NO_STORE, Headers, security_headers, with_headers
from web.services import Services
from web.websocket import WebSockets


class _Api(FastAPI):
    """FastAPI, with a short way for what is asked thousands of times a second."""

    graphql: GraphQLOverHttp
    headers: Headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await super().__call__(scope, receive, send)
        elif scope["path"] == "/graphql":
            scope["app"] = self
            await self.graphql(scope, receive, send)
        else:
            await super().__call__(scope, receive, with_headers(send, self.headers))


def create_app(settings: Settings) -> FastAPI:
    """Make the API. Nothing connects before the first request. Raises InvalidSettings naming what is missing."""
    services = Services.of(settings)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await services.start()
        yield
        await services.close()

    app = _Api(title="pacegraph", lifespan=lifespan, docs_url=None, redoc_url=None)
    app.state.services = services
    app.state.readiness = health.Readiness()
    app.state.metrics = CollectorRegistry()
    app.graphql = GraphQLOverHttp(services)
    app.headers = [*security_headers(settings), NO_STORE]
    app.router.routes += [
        WebSocketRoute("/graphql", WebSockets(services)),
        metrics_route(services, app.state.metrics),
        *(graphiql_routes() if settings.graphiql == "on" else ()),
    ]
    app.include_router(health.router)
    app.include_router(sign_in.router)
    answer_errors(app)
    app.add_middleware(RequestLimit, rate=services.limits.requests, addresses=services.addresses)
    app.add_middleware(RequestLog)
    return app
