"""The OpenAPI document. It is rendered once: that takes the event loop for a millisecond."""

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route


async def _document(request: Request) -> Response:
    app: FastAPI = request.app
    kept: bytes | None = getattr(app.state, "openapi_document", None)
    if kept is None:
        kept = app.state.openapi_document = bytes(JSONResponse(app.openapi()).body)
    return Response(kept, media_type="application/json")


def openapi_route() -> Route:
    """Make the route `/openapi.json`."""
    return Route("/openapi.json", _document)
