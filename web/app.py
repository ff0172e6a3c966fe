"""The API's composition root."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from prometheus_client import CollectorRegistry
from starlette.types import ASGIApp, Receive, Scope, Send

from logs import flush_reports, our_version, report_errors
from runtime import tracing
from runtime.error_links import ERROR_LINKS
from settings import Settings
from web.export_downloads import PATH as EXPORTS
from web.http.address_bounds import STATE_KEY
from web.http.origins import Origins
from web.http.request_log import RequestLog
from web.http.security_headers import NO_STORE, Headers, security_headers, with_headers
from web.http.short_way import APP_KEY
from web.limits.request_rate import RequestLimit
from web.original_downloads import PATH as ORIGINALS
from web.protocols.graphql_over_http import GraphQLOverHttp
from web.protocols.graphql_stream import PATH as GRAPHQL_STREAM
from web.protocols.graphql_stream import GraphQLStream
from web.protocols.short_way import GraphQLShortWay
from web.protocols.websocket import WebSockets
from web.routes import (
    error_pages,
    exports,
    health,
    originals,
    root,
    seen,
    sign_in,
    strava_webhook,
    uploads,
)
from web.routes.error_handlers import answer_errors
from web.routes.example_page import example_routes
from web.routes.graphiql_page import graphiql_routes
from web.routes.metrics import metrics_route
from web.routes.openapi_document import openapi_route
from web.services import Services
from web.upload_intake import PATH as UPLOADS

_OF_FILES = (f"{UPLOADS}/", f"{EXPORTS}/", f"{ORIGINALS}/")
_VARIES = (b"vary", b"Origin")
_GRAPHQL = "/graphql"


class _Api(FastAPI):
    """FastAPI with a shortcut to `/graphql`, which gets thousands of requests a second.

    Each layer in between also takes memory for as long as a WebSocket is open.
    """

    graphql: GraphQLOverHttp
    stream: GraphQLStream
    short_way: GraphQLShortWay
    sockets: ASGIApp
    headers: Headers
    origins: Origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        kind = scope["type"]
        if kind != "lifespan" and scope["path"] == _GRAPHQL:
            scope["app"] = self
            await (self.graphql if kind == "http" else self.sockets)(scope, receive, send)
        elif kind == "http" and scope["path"] == GRAPHQL_STREAM:
            scope["app"] = self
            await self.stream(scope, receive, send)
        elif kind != "http":
            await super().__call__(scope, receive, send)
        else:
            headers = self.headers
            path = scope["path"]
            # limits and errors are to be readable, too
            if path == sign_in.SIGN_OUT or path.startswith(_OF_FILES):
                headers = [*headers, *self.origins.cors(dict(scope["headers"])), _VARIES]
            await super().__call__(scope, receive, with_headers(send, headers))


class Stopping:
    """What the API does when its server was told to stop."""

    def __init__(self, app: FastAPI) -> None:
        self._state = app.state

    def leave_proxies(self) -> None:
        self._state.readiness.is_stopping = True

    def end_streams(self) -> None:
        self._state.services.open_streams.rounds.stopping.set()


def create_app(settings: Settings) -> FastAPI:
    """Make the API. Nothing connects before it starts. Raises InvalidSettings."""
    services = Services.from_settings(settings)
    ERROR_LINKS.lie_at(error_pages.address_of_pages(settings))

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[dict[str, object]]:
        tracing.begin(settings, "api", our_version())
        report_errors(settings)
        await services.start()
        warming_up = asyncio.create_task(services.warm_up())
        app.state.readiness.warming_up = warming_up
        giving_back = asyncio.create_task(
            services.allocator.give_back_every(settings.memory_given_back_s)
        )
        yield {STATE_KEY: services.address_bounds, APP_KEY: app.short_way}
        giving_back.cancel()
        warming_up.cancel()
        await asyncio.wait([warming_up])
        await services.close()
        await asyncio.to_thread(tracing.flush)
        await asyncio.to_thread(flush_reports)

    app = _Api(title="pacegraph", lifespan=lifespan, openapi_url=None)
    app.state.services = services
    app.state.readiness = health.Readiness()
    app.state.metrics = CollectorRegistry()
    app.graphql = GraphQLOverHttp(services)
    app.stream = GraphQLStream(services)
    app.short_way = GraphQLShortWay(services)
    app.origins = services.origins
    app.headers = [*security_headers(settings), NO_STORE]
    app.router.routes += [
        metrics_route(services, app.state.metrics),
        openapi_route(),
        *error_pages.error_page_routes(),
        *(graphiql_routes() if settings.graphiql == "on" else ()),
        *(example_routes() if settings.example_app == "on" else ()),
    ]
    app.include_router(health.router)
    app.include_router(sign_in.router)
    app.include_router(strava_webhook.router)
    app.include_router(uploads.router)
    app.include_router(exports.router)
    app.include_router(originals.router)
    app.include_router(seen.router)
    app.include_router(root.router)
    answer_errors(app)
    rate, addresses = services.limits.requests, services.addresses
    app.sockets = RequestLog(RequestLimit(WebSockets(services), rate, addresses))
    app.add_middleware(RequestLimit, rate=rate, addresses=addresses)
    app.add_middleware(RequestLog)
    return app
