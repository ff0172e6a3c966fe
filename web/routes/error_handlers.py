"""Answers errors of plain routes, masked where they are internal: in GraphQL's shape, or by a page.

A page is for browsers that were led to an address, such as one whose time is over.
"""

from collections.abc import Iterable, Iterator
from http import HTTPStatus

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match

from db.errors import DatabaseError
from web.errors import HttpRefusal, MethodNotAllowed, error_body, error_response
from web.routes.notice import is_for_people, page

_HOME = ("/", "pacegraph")


def answer_errors(app: FastAPI) -> None:
    """Answer the errors of routes in GraphQL's shape, and mask internal ones."""
    app.add_exception_handler(HTTPException, _answer_http_error)
    app.add_exception_handler(HttpRefusal, _answer_refusal)
    app.add_exception_handler(RequestValidationError, _answer_invalid_parameters)
    app.add_exception_handler(DatabaseError, _answer_database_error)
    app.add_exception_handler(Exception, _answer_other_error)


async def _answer_http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        return await _answer_refusal(request, MethodNotAllowed(_methods_at(request)))
    if error.status_code == HTTPStatus.NOT_FOUND and _is_visit(request):
        return page("There is no such page", "Check the address.", [_HOME], error.status_code)
    return error_response(
        error.status_code, HTTPStatus(error.status_code).name, error.detail, error.headers
    )


async def _answer_refusal(request: Request, error: Exception) -> Response:
    assert isinstance(error, HttpRefusal)
    if _is_visit(request):
        title = HTTPStatus(error.status).phrase
        return page(title, error.message, [_HOME], error.status, error.headers)
    return Response(error.body, error.status, dict(error.headers), "application/json")


async def _answer_invalid_parameters(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    field = ".".join(str(part) for part in first["loc"][1:])
    body = error_body("BAD_REQUEST", f"`{field}`: {first['msg']}.", field=field)
    return Response(body, HTTPStatus.BAD_REQUEST, media_type="application/json")


async def _answer_database_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, DatabaseError)
    return error_response(
        503, error.code, error.public_message, {"retry-after": "1"}, _request_id(request)
    )


async def _answer_other_error(request: Request, _: Exception) -> Response:
    """Answer an unexpected error, which the server logs."""
    request_id = _request_id(request)
    headers = {"x-request-id": request_id} if request_id else None
    return error_response(
        500, "INTERNAL", "Something went wrong on the server.", headers, request_id
    )


def _is_visit(request: Request) -> bool:
    """Tell whether a person was led here, who reads a page more easily than JSON."""
    return request.method in {"GET", "HEAD"} and is_for_people(request)


def _methods_at(request: Request) -> str:
    """The methods of all routes at the address: Starlette names those of the first alone."""
    methods = {
        method
        for route in _single(request.app.routes)
        if route.matches(request.scope)[0] is not Match.NONE
        for method in getattr(route, "methods", None) or ()
    }
    return ", ".join(sorted(methods))


def _single(routes: Iterable[BaseRoute]) -> Iterator[BaseRoute]:
    """The routes, also of routers that FastAPI keeps whole."""
    for route in routes:
        router = getattr(route, "original_router", None)
        yield from (route,) if router is None else _single(router.routes)


def _request_id(request: Request) -> str | None:
    found: str | None = request.scope.get("state", {}).get("request_id")
    return found
