"""The ASGI endpoint of a path: from a request to its route's operations and back."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlencode

import orjson
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from graph.context import Caller
from graph.errors import Unauthenticated
from graph.global_id import encode_id
from graph.operation_request import OperationRequest, OperationResult
from legacy.rest import parameters
from legacy.rest.errors import (
    InvalidParameters,
    NotThere,
    OperationFailed,
    ParameterFault,
    SwitchedOff,
    as_refusal,
    failed,
    refused_mutation,
)
from legacy.rest.ids import OldIds
from legacy.rest.parameters import (
    MAX_LIMIT,
    ActivitiesPageParameters,
    PageParameters,
    Parameters,
    SyncWanted,
)
from legacy.rest.routes import ID_PARAMETERS, RestRoute
from legacy.rest.successors import MOST_COST_EACH
from legacy.uses import LegacyUses
from runtime.time_limit import TimeLimit
from web.auth.api_tokens import InvalidCredentials
from web.errors import AddressTooLong, CrossSite, HttpRefusal, MethodNotAllowed
from web.http.body import read_body
from web.http.compression import coding_of
from web.http.header_fields import by_name
from web.http.media_type import Acceptable, require_json
from web.http.request_log import log_fields_of, request_id_of
from web.protocols import response
from web.protocols.operation_runner import OperationRunner
from web.protocols.response import Exchange, HttpResponse, ResponseHead
from web.services import Services

_JSON = Acceptable(
    b"application/json", streams=False, is_graphql_json=False, error_type=b"application/json"
)


class RestServices:
    """What all routes in a process share."""

    def __init__(self, services: Services, uses: LegacyUses) -> None:
        self.services, self.uses = services, uses
        self.operations = OperationRunner(services)
        self.response_head = ResponseHead(services.settings, services.origins)
        self.old_ids = OldIds(services.database)
        self.body_limit = TimeLimit(services.settings.body_timeout_s)


class Endpoint:
    """ASGI app for one path. `routes` are its routes by method."""

    def __init__(self, rest: RestServices, routes: Mapping[str, RestRoute]) -> None:
        self._rest, self._routes = rest, routes
        self._methods = ", ".join(
            sorted({*routes, *(["HEAD"] if "GET" in routes else []), "OPTIONS"})
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        exchange = Exchange(
            scope,
            by_name(scope["headers"]),
            request_id_of(scope),
            self._rest.services.addresses.of(scope),
            accepts=_JSON,
            fields=log_fields_of(scope),
        )
        try:
            answer = await self._reply(exchange, receive)
        except ClientDisconnect:
            return  # the client has gone
        await send(self._rest.response_head.start(exchange, answer))
        await send({"type": "http.response.body", "body": answer.body})

    async def _reply(self, exchange: Exchange, receive: Receive) -> HttpResponse:
        try:
            if exchange.scope["method"] == "OPTIONS":
                preflight = self._rest.services.origins.preflight(exchange.headers)
                return HttpResponse(204, b"", preflight or [(b"allow", self._methods.encode())])
            return await self._answer(exchange, receive)
        except ClientDisconnect:
            raise
        except OperationFailed as failure:
            return await response.from_result(exchange, failure.answer)
        except Exception as error:  # noqa: BLE001 - every error becomes a response
            refusal = as_refusal(error)
            response.log_error(refusal)
            if isinstance(refusal, HttpRefusal | InvalidCredentials):
                await self._rest.services.limits.refusal_pacing.wait()
            return response.from_error(exchange, refusal)

    async def _answer(self, exchange: Exchange, receive: Receive) -> HttpResponse:
        method = exchange.scope["method"]
        route = self._routes.get("GET" if method == "HEAD" else method)
        if route is None:
            raise MethodNotAllowed(self._methods)
        self._rest.uses.count_route(route.name)
        self._check(exchange)
        caller = await self._rest.operations.caller(exchange)
        if not self._rest.operations.context(exchange, caller).switches.legacy_rest:
            raise SwitchedOff(route.operation)
        wanted = await self._parameters(exchange, receive, route)
        return await _RestRequest(self._rest, exchange, caller).answer(route, wanted)

    def _check(self, exchange: Exchange) -> None:
        """Check what needs no body. Raises HttpRefusal."""
        headers, services = exchange.headers, self._rest.services
        exchange.coding = coding_of(headers.get(b"accept-encoding"))
        if (
            b"cookie" in headers
            and b"authorization" not in headers
            and services.origins.is_foreign(headers)
        ):
            raise CrossSite
        if len(exchange.scope["query_string"]) > services.settings.body_max_bytes:
            raise AddressTooLong(services.settings.body_max_bytes)

    async def _parameters(
        self, exchange: Exchange, receive: Receive, route: RestRoute
    ) -> Parameters:
        given: dict[str, Any] = dict(
            parameters.from_query_string(exchange.scope["query_string"], route.takes)
        )
        in_body: dict[str, Any] = {}
        if route.method == "POST":
            body = await read_body(
                receive,
                exchange.headers,
                self._rest.services.settings.body_max_bytes,
                self._rest.body_limit,
            )
            if body.strip():
                require_json(
                    _content_type(exchange.headers), exchange.headers.get(b"content-encoding")
                )
            # A null counts as missing.
            in_body = {
                name: value
                for name, value in parameters.from_body(body).items()
                if value is not None
            }
        is_of_body = in_body or (route.method == "POST" and not given)
        return parameters.read(route.takes, given, in_body, "body" if is_of_body else "query")


class _RestRequest:
    """The operations of one request, run in turn."""

    def __init__(self, rest: RestServices, exchange: Exchange, caller: Caller) -> None:
        self._rest, self._exchange, self._caller = rest, exchange, caller
        self._answered: OperationResult | None = None

    async def answer(self, route: RestRoute, wanted: Parameters) -> HttpResponse:
        """Run the route's operations.

        Raises HttpRefusal, CallerError, OperationFailed, DatabaseError.
        """
        if route.needs_caller and self._caller.viewer.account_id is None:
            raise Unauthenticated
        if isinstance(wanted, PageParameters) and self._caller.viewer.account_id is None:
            wanted = wanted.of_at_most(self._most_signed_out())
        if (
            isinstance(wanted, ActivitiesPageParameters)
            and wanted.athlete_id is not None
            and route.of_athlete
        ):
            route = route.of_athlete
        variables = route.variables(await self._ids(wanted), wanted)
        data = (
            await self._page(route, variables, wanted)
            if isinstance(wanted, PageParameters)
            else None
        )
        if data is None:
            data = await self._data(route, route.operation, variables)
        if (shaped := route.shape(data, await self._rest.old_ids.old_ids(data))) is None:
            raise NotThere(route.what, next(iter(route.id_parameters), None))
        return await self._reply(route, shaped, data, wanted)

    async def _ids(self, wanted: Parameters) -> dict[str, str]:
        """Translate all parameters that are ids to GraphQL ids, by parameter name."""
        given = {**self._exchange.scope["path_params"]}
        for name in ID_PARAMETERS.keys() & type(wanted).model_fields.keys():
            if getattr(wanted, name) is not None:
                given[name] = getattr(wanted, name)
            elif isinstance(wanted, SyncWanted):
                given[name] = self._own_athlete()
        return {
            name: await self._rest.old_ids.global_id(ID_PARAMETERS[name], value, name)
            for name, value in given.items()
        }

    def _own_athlete(self) -> str:
        athlete_id = self._caller.viewer.athlete_id
        if athlete_id is None:
            raise InvalidParameters(
                [
                    ParameterFault(
                        "query", "athlete_id", "required, because you are not an athlete", "missing"
                    )
                ]
            )
        return encode_id("Athlete", athlete_id)

    def _most_signed_out(self) -> int:
        """Limit a list for signed-out callers, so that it costs half of an address's budget."""
        settings = self._rest.services.settings
        return max(1, min(settings.cost_limit, settings.cost_bucket_ip) // (2 * MOST_COST_EACH))

    async def _page(
        self, route: RestRoute, variables: dict[str, Any], wanted: PageParameters
    ) -> dict[str, Any]:
        """Walk to the start of the page in steps of the largest list, and read the page."""
        assert route.listed is not None
        after, left = None, wanted.start
        while left:
            step = min(left, MAX_LIMIT)
            data = await self._data(
                route, route.listed.end, {**variables, "first": step, "after": after}
            )
            connection = _connection(data, route)
            if connection is None or not connection["pageInfo"]["hasNextPage"]:
                return _without_nodes(data, connection)
            after = connection["pageInfo"]["endCursor"]
            left -= step
        return await self._data(
            route, route.operation, {**variables, "first": wanted.limit, "after": after}
        )

    async def _data(
        self, route: RestRoute, operation: str, variables: dict[str, Any]
    ) -> dict[str, Any]:
        """Run an operation like any GraphQL request. Raises OperationFailed."""
        operations = self._rest.operations
        context = operations.context(self._exchange, self._caller)
        request = OperationRequest(operation, variables)
        answer = await operations.execute(self._exchange, context, request)
        body = orjson.loads(answer.body)
        if body.get("errors"):
            raise failed(answer, body["errors"][0], route.argument_names)
        if route.mutation and (errors := body["data"][route.mutation]["userErrors"]):
            raise refused_mutation(answer, errors[0], route.argument_names)
        self._answered = answer
        data: dict[str, Any] = body["data"]
        return data

    async def _reply(
        self, route: RestRoute, shaped: Any, data: dict[str, Any], wanted: Parameters
    ) -> HttpResponse:
        assert self._answered is not None
        answer = OperationResult(
            orjson.dumps(shaped), budget=self._answered.budget, is_query=route.mutation is None
        )
        made = await response.from_result(self._exchange, answer)
        connection = _connection(data, route) if route.listed else None
        if (
            isinstance(wanted, PageParameters)
            and connection
            and connection["pageInfo"]["hasNextPage"]
        ):
            made.headers.append((b"link", b'<%b>; rel="next"' % self._next(wanted).encode()))
        return made

    def _next(self, wanted: PageParameters) -> str:
        """Write the address of the next page."""
        scope = self._exchange.scope
        paging = {"page", "offset", "limit", *PageParameters.ALIASES}
        given = parse_qsl(scope["query_string"].decode("ascii"))
        kept = [(name, value) for name, value in given if name not in paging]
        start = wanted.start + wanted.limit
        return f"{scope['path']}?{urlencode([*kept, ('limit', wanted.limit), ('offset', start)])}"


def _content_type(headers: Mapping[bytes, bytes]) -> bytes | None:
    """Get a body's media type; with a token it defaults to JSON, as in FastAPI.

    Without a token there is no default, since a form of another site could send the request.
    """
    given = headers.get(b"content-type")
    return b"application/json" if given is None and b"authorization" in headers else given


def _connection(data: Mapping[str, Any], route: RestRoute) -> dict[str, Any] | None:
    """Find the connection of a list route; None if its parent is absent."""
    assert route.listed is not None
    found: Any = data
    for name in route.listed.connection:
        found = found and found[name]
    return found  # type: ignore[no-any-return]


def _without_nodes(data: dict[str, Any], connection: dict[str, Any] | None) -> dict[str, Any]:
    """Empty the page, which starts after the end of the list. None means no parent object."""
    if connection is not None:
        connection["nodes"] = []
    return data
