"""The routes' part of `/openapi.json`, from which the page `/docs` is made."""

import re
from collections.abc import Callable
from inspect import Parameter, Signature
from typing import Annotated, Any

from fastapi import APIRouter, Body, FastAPI, Path, Query
from fastapi.openapi.utils import get_openapi
from starlette.routing import BaseRoute

from legacy.rest import models
from legacy.rest.parameters import Parameters
from legacy.rest.routes import RestRoute

DESCRIPTION = (
    "The older service's REST routes. They are deprecated and end on {sunset}. Each one runs the "
    "GraphQL query that it names: send that query to `POST /graphql` instead."
)
QUERY = "x-graphql-query"
"""Where an operation of the document holds the GraphQL query that replaces it."""

_ERRORS = {
    401: "Not signed in, or an invalid token.",
    404: "Absent, or not visible to the caller.",
    410: "The routes are switched off (feature flag legacy-rest).",
    422: "An invalid parameter; `detail` is a list as in FastAPI.",
    429: "Too many requests, or the budget is spent; `Retry-After` says when to retry.",
}
_HEADERS: dict[str, Any] = {
    "Deprecation": {
        "description": "RFC 9745: when the route was deprecated.",
        "schema": {"type": "string"},
    },
    "Sunset": {"description": "RFC 8594: when the route ends.", "schema": {"type": "string"}},
    "Link": {
        "description": "Documentation and successor; for lists, the next page.",
        "schema": {"type": "string"},
    },
}
_SECURITY = {
    "token": {"type": "http", "scheme": "bearer", "description": "An API token (createApiToken)."},
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": "pacegraph_session",
        "description": "A browser's session.",
    },
}


def describe(app: FastAPI, routes: tuple[RestRoute, ...], sunset: str) -> None:
    """Add the routes to the app's OpenAPI document, which is generated at its first request."""
    made: dict[str, Any] = {}

    def openapi() -> dict[str, Any]:
        if not made:
            described = [*app.routes, *_described(routes)]
            made.update(get_openapi(title=app.title, version=app.version, routes=described))
            made["info"]["description"] = DESCRIPTION.format(sunset=sunset)
            made.setdefault("components", {})["securitySchemes"] = _SECURITY
        return made

    app.openapi = openapi  # type: ignore[method-assign]


def _described(routes: tuple[RestRoute, ...]) -> list[BaseRoute]:
    """Build FastAPI routes that are never served: FastAPI generates the document from them."""
    router = APIRouter()
    for route in routes:
        name = _id(route.method, route.path)
        _describe(router, route, route.path, name)
        for number, alias in enumerate(route.aliases, 2):
            _describe(router, route, alias, f"{name}_{number}")
    router.add_api_route(
        "/health",
        _named("health", []),
        response_model=models.Health,
        deprecated=True,
        tags=["health"],
        summary="The state of the API and its dependencies",
        operation_id=_id("GET", "/health"),
        description="Replaced by `/readyz`, and by `/healthz` for the process alone.",
        responses={
            200: {"headers": _HEADERS},
            503: {"model": models.Health, "description": "A dependency is away."},
        },
    )
    return router.routes


def _describe(router: APIRouter, route: RestRoute, path: str, name: str) -> None:
    errors: dict[int | str, dict[str, Any]] = {
        status: {"model": models.Problems, "description": said} for status, said in _ERRORS.items()
    }
    router.add_api_route(
        path,
        _named(name, _parameters(route)),
        methods=[route.method],
        response_model=route.answers,
        summary=route.summary,
        description=_successor(route) if path == route.path else f"The same as `{route.path}`.",
        operation_id=name,
        deprecated=True,
        tags=["v1" if path.startswith("/v1") else path.split("/")[1]],
        responses={
            200: {"headers": _HEADERS},
            **errors,
            "default": {"model": models.Problems, "description": "Any other error."},
        },
        openapi_extra={QUERY: route.operation, "security": [{"token": []}, {"session": []}, {}]},
    )


def _id(method: str, path: str) -> str:
    """Build an operation's id, which client generators use: get_v1_athletes_athlete_id."""
    return "_".join([method.lower(), *re.findall(r"\w+", path.replace("-", "_"))])


def _successor(route: RestRoute) -> str:
    return f"Replaced by this GraphQL operation:\n\n```graphql\n{route.operation}\n```"


def _parameters(route: RestRoute) -> list[Parameter]:
    given = [
        _parameter(name, Annotated[str, Path(description=f"{kind}: UUID, GraphQL id, or number.")])
        for name, kind in route.id_parameters.items()
    ]
    if route.takes is not Parameters:
        is_needed = any(each.is_required() for each in route.takes.model_fields.values())
        if route.method == "GET" or not is_needed:
            given.append(_parameter("given", Annotated[route.takes, Query()]))
        if route.method == "POST":
            taken: Any = route.takes if is_needed else route.takes | None
            given.append(_parameter("body", Annotated[taken, Body()], is_needed=is_needed))
    return given


def _parameter(name: str, annotation: Any, *, is_needed: bool = True) -> Parameter:
    default = Parameter.empty if is_needed else None
    return Parameter(name, Parameter.KEYWORD_ONLY, annotation=annotation, default=default)


def _named(name: str, parameters: list[Parameter]) -> Callable[..., None]:
    def described() -> None:
        """Represent a route."""

    described.__name__ = name
    described.__doc__ = None
    described.__signature__ = Signature(parameters)  # type: ignore[attr-defined]
    return described
