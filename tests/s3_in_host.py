"""nanio, for requests that name the bucket in the host and not in the path.

nanio itself knows paths only. It checks the signature of what was requested; after that the bucket
of the host is put before the path.
"""

from nanio.app import build_app as build_nanio
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send


class _BucketOfHost:
    """The bucket is what stands before the first point."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            bucket = Request(scope).headers["host"].partition(".")[0]
            scope = {**scope, "path": f"/{bucket}{scope['path']}"}
        await self._app(scope, receive, send)


def build_app() -> Starlette:
    app = build_nanio()
    app.user_middleware.append(Middleware(_BucketOfHost))  # after that of signatures
    return app
