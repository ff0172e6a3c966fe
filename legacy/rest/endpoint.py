"""A path's ASGI endpoint: from the request to the operations of its route and back."""

import logging
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlencode

import orjson
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from db.errors import DatabaseError, PacegraphError
from graph.context import Caller
from graph.errors import Unauthenticated
from graph.execution import Answer, OperationRequest
from graph.ids import encode_id
from graph.time_limit import TimeLimit
from legacy.rest import parameters
from legacy.rest.errors import (
    Fault,
    InvalidParameters,
    NotThere,
    OperationFailed,
    SwitchedOff,
    as_refusal,
    failed,
    refused_mutation,
)
from legacy.rest.ids import OldIds
from legacy.rest.parameters import MAX_LIMIT, AnyonesActivityPage, Page, Parameters, SyncWanted
from legacy.rest.routes import ID_PARAMETERS, Route
from legacy.rest.successors import MOST_COST_EACH
from legacy.uses import LegacyUses
from web import reply
from web.body import let_pass, read_body
from web.compression import coding_of
from web.errors import AddressTooLong, BodyTooLarge, CrossSite, HttpRefusal, MethodNotAllowed
from web.header_fields import by_name
from web.identity import InvalidCredentials
from web.media_type import Acceptable, require_json
from web.operations import Operations, who_asks
from web.reply import Exchange, Replies, Reply
from web.request_log import log_fields_of, request_id_of
from web.services import Services

_JSON = Acceptable(b"application/json", streams=False, is_graphql_json=True)

logger = logging.getLogger(__name__)


class Rest:
    """What all routes of a process share."""

    def __init__(self, services: Services, uses: LegacyUses) -> None:
        self.services, self.uses = services, uses
        self.operations = Operations(services)
        self.replies = Replies(services.settings, services.origins)
        self.old_ids = OldIds(services.database)
        self.body_limit = TimeLimit(services.settings.body_timeout_s)


class Endpoint:
    """ASGI: answers whatever comes to one path. `routes` are its routes, by method."""

    def __init__(self, rest: Rest, routes: Mapping[str, Route]) -> None:
        self._rest, self._routes = rest, routes
        self._methods = ", ".join(sorted({*routes, *(["HEAD"] if "GET" in routes else []), "OPTIONS"}))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        exchange = Exchange(
            scope, by_name(scope["headers"]), request_id_of(scope), self._rest.services.addresses.of(scope),
            accepts=_JSON, fields=log_fields_of(scope),
        )  # fmt: skip
        try:
            answer = await self._reply(exchange, receive)
        except ClientDisconnect:
            return  # nobody is there to be answered
        await send(self._rest.replies.start(exchange, answer))
        await send({"type": "http.response.body", "body": answer.body})

    async def _reply(self, exchange: Exchange, receive: Receive) -> Reply:
        try:
            if exchange.scope["method"] == "OPTIONS":
                preflight = self._rest.services.origins.preflight(exchange.headers)
                return Reply(204, b"", preflight or [(b"allow", self._methods.encode())])
            return await self._answer(exchange, receive)
        except ClientDisconnect:
            raise
        except OperationFailed as failure:
            return await reply.of_answer(exchange, failure.answer)
        except Exception as error:  # noqa: BLE001 - here the last is answered
            refusal = as_refusal(error)
            _log(refusal)
            if isinstance(refusal, BodyTooLarge):
                await let_pass(receive)
            if isinstance(refusal, HttpRefusal | InvalidCredentials):
                await self._rest.services.limits.pace.wait()
            return reply.of_error(exchange, refusal)

    async def _answer(self, exchange: Exchange, receive: Receive) -> Reply:
        method = exchange.scope["method"]
        route = self._routes.get("GET" if method == "HEAD" else method)
        if route is None:
            raise MethodNotAllowed(self._methods)
        self._rest.uses.note_route(route.name)
        self._check(exchange)
        caller = await self._rest.operations.caller(exchange)
        if not self._rest.operations.context(exchange, caller).switches.legacy_rest:
            raise SwitchedOff(route.operation)
        wanted = await self._parameters(exchange, receive, route)
        return await _Run(self._rest, exchange, caller).answer(route, wanted)

    def _check(self, exchange: Exchange) -> None:
        """Check what can be checked before anything is read. Raises HttpRefusal."""
        headers, services = exchange.headers, self._rest.services
        exchange.coding = coding_of(headers.get(b"accept-encoding"))
        if b"cookie" in headers and b"authorization" not in headers and services.origins.is_foreign(headers):
            raise CrossSite
        if len(exchange.scope["query_string"]) > services.settings.body_max_bytes:
            raise AddressTooLong(services.settings.body_max_bytes)

    async def _parameters(self, exchange: Exchange, receive: Receive, route: Route) -> Parameters:
        given: dict[str, Any] = dict(parameters.of_address(exchange.scope["query_string"], route.takes))
        in_body: dict[str, Any] = {}
        if route.method == "POST":
            body = await read_body(
                receive, exchange.headers, self._rest.services.settings.body_max_bytes, self._rest.body_limit
            )
            if body.strip():
                require_json(_content_type(exchange.headers), exchange.headers.get(b"content-encoding"))
            # What is left out and what is null are the same.
            in_body = {name: value for name, value in parameters.of_body(body).items() if value is not None}
        is_of_body = in_body or (route.method == "POST" and not given)
        return parameters.read(route.takes, given, in_body, "body" if is_of_body else "query")


class _Run:
    """One request's operations, one after the other."""

    def __init__(self, rest: Rest, exchange: Exchange, caller: Caller) -> None:
        self._rest, self._exchange, self._caller = rest, exchange, caller
        self._answered: Answer | None = None

    async def answer(self, route: Route, wanted: Parameters) -> Reply:
        """Run what the route is for. Raises HttpRefusal, CallerError, OperationFailed, DatabaseError."""
        if route.needs_caller and self._caller.viewer.account_id is None:
            raise Unauthenticated
        if isinstance(wanted, Page) and self._caller.viewer.account_id is None:
            wanted = wanted.of_at_most(self._most_signed_out())
        if isinstance(wanted, AnyonesActivityPage) and wanted.athlete_id is not None and route.of_athlete:
            route = route.of_athlete
        variables = route.variables(await self._ids(wanted), wanted)
        data = await self._page(route, variables, wanted) if isinstance(wanted, Page) else None
        if data is None:
            data = await self._data(route, route.operation, variables)
        if (shaped := route.shape(data, await self._rest.old_ids.old_ids(data))) is None:
            raise NotThere(route.what, next(iter(route.id_parameters), None))
        return await self._reply(route, shaped, data, wanted)

    async def _ids(self, wanted: Parameters) -> dict[str, str]:
        """Get the GraphQL ids of all parameters that are ids, by the parameters' names."""
        given = {**self._exchange.scope["path_params"]}
        for name in ID_PARAMETERS.keys() & type(wanted).model_fields.keys():
            if getattr(wanted, name) is not None:
                given[name] = getattr(wanted, name)
            elif isinstance(wanted, SyncWanted):
                given[name] = self._own_athlete()
        return {
            name: await self._rest.old_ids.global_id(ID_PARAMETERS[name], value, name) for name, value in given.items()
        }

    def _own_athlete(self) -> str:
        athlete_id = self._caller.viewer.athlete_id
        if athlete_id is None:
            raise InvalidParameters([Fault("query", "athlete_id", "you are no athlete, so say whose", "missing")])
        return encode_id("Athlete", athlete_id)

    def _most_signed_out(self) -> int:
        """Say how many of a list the signed-out get at once: they cost half of what an address may spend at most."""
        settings = self._rest.services.settings
        return max(1, min(settings.cost_limit, settings.cost_bucket_ip) // (2 * MOST_COST_EACH))

    async def _page(self, route: Route, variables: dict[str, Any], wanted: Page) -> dict[str, Any]:
        """Go to where the page begins, in steps as large as lists may be asked for, and read it."""
        assert route.listed is not None
        after, left = None, wanted.start
        while left:
            step = min(left, MAX_LIMIT)
            data = await self._data(route, route.listed.end, {**variables, "first": step, "after": after})
            connection = _connection(data, route)
            if connection is None or not connection["pageInfo"]["hasNextPage"]:
                return _without_nodes(data, connection)
            after = connection["pageInfo"]["endCursor"]
            left -= step
        return await self._data(route, route.operation, {**variables, "first": wanted.limit, "after": after})

    async def _data(self, route: Route, operation: str, variables: dict[str, Any]) -> dict[str, Any]:
        """Run an operation as every other way does. Raises OperationFailed."""
        rest, exchange, caller = self._rest, self._exchange, self._caller
        request = OperationRequest(operation, variables)
        answer = await rest.operations.execute(
            who_asks(exchange, caller), rest.operations.context(exchange, caller), request
        )
        body = orjson.loads(answer.body)
        if body.get("errors"):
            raise failed(answer, body["errors"][0], route.argument_names)
        if route.mutation and (errors := body["data"][route.mutation]["userErrors"]):
            raise refused_mutation(answer, errors[0], route.argument_names)
        self._answered = answer
        data: dict[str, Any] = body["data"]
        return data

    async def _reply(self, route: Route, shaped: Any, data: dict[str, Any], wanted: Parameters) -> Reply:
        assert self._answered is not None
        answer = Answer(orjson.dumps(shaped), budget=self._answered.budget, is_query=route.mutation is None)
        made = await reply.of_answer(self._exchange, answer)
        connection = _connection(data, route) if route.listed else None
        if isinstance(wanted, Page) and connection and connection["pageInfo"]["hasNextPage"]:
            made.headers.append((b"link", b'<%b>; rel="next"' % self._next(wanted).encode()))
        return made

    def _next(self, wanted: Page) -> str:
        """Make the address of the next page."""
        scope = self._exchange.scope
        paging = {"page", "offset", "limit", *Page.ALIASES}
        given = parse_qsl(scope["query_string"].decode("ascii"))
        kept = [(name, value) for name, value in given if name not in paging]
        start = wanted.start + wanted.limit
        return f"{scope['path']}?{urlencode([*kept, ('limit', wanted.limit), ('offset', start)])}"


def _content_type(headers: Mapping[bytes, bytes]) -> bytes | None:
    """Get a body's type. Without one it is JSON, as to FastAPI, of callers that no page of another site can be."""
    given = headers.get(b"content-type")
    return b"application/json" if given is None and b"authorization" in headers else given


def _connection(data: Mapping[str, Any], route: Route) -> dict[str, Any] | None:
    """Get the connection of a route that lists; None where its parent is absent."""
    assert route.listed is not None
    found: Any = data
    for name in route.listed.connection:
        found = found and found[name]
    return found  # type: ignore[no-any-return]


def _without_nodes(data: dict[str, Any], connection: dict[str, Any] | None) -> dict[str, Any]:
    """Make the data of a page that lies behind the end of its list; None is a connection whose parent is absent."""
    if connection is not None:
        connection["nodes"] = []
    return data


def _log(error: Exception) -> None:
    if isinstance(error, DatabaseError):
        logger.warning("request failed: %s", error)
    elif not isinstance(error, PacegraphError):
        logger.error("unexpected error in a route of the older service", exc_info=error)
