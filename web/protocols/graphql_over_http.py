"""GraphQL over HTTP: `POST`, `GET` and `QUERY` of `/graphql`, from the socket to the executor and back.

Plain ASGI without routing, middleware and request objects, which would cost more than a small
query.
"""

from contextlib import ExitStack, suppress
from time import perf_counter
from typing import Any
from urllib.parse import unquote_to_bytes

from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from graph.context import Context
from graph.cost.budget import BudgetExhausted
from graph.delivery.writer import PartsForm
from graph.operation_request import OperationRequest
from runtime.time_limit import TimeLimit
from web.auth.api_tokens import InvalidCredentials
from web.documents.persisted_documents import DocumentError
from web.errors import (
    AddressTooLong,
    BadRequest,
    BodyTooLarge,
    CrossSite,
    ForAdministrators,
    HttpRefusal,
    MethodNotAllowed,
)
from web.http.body import read_body
from web.http.compression import coding_of
from web.http.header_fields import by_name
from web.http.media_type import acceptable, require_json, wants_page
from web.http.request_log import begin_request, write_request
from web.http.request_trace import end_step, request_step, told
from web.http.security_headers import with_headers
from web.http.server_connection import connection_of
from web.limits.request_memory import FREE_BYTES, reading_size, size_beside, weight_of
from web.protocols import parameters, response
from web.protocols.event_stream import serve_event_stream
from web.protocols.framing import EVENTS, MULTIPART
from web.protocols.handed_over import handed_over
from web.protocols.multipart import MultipartAnswer, MultipartResponse
from web.protocols.operation_context import is_subscription, may_have_parts
from web.protocols.operation_runner import OperationRunner
from web.protocols.parameters import Parameters
from web.protocols.response import Exchange, HttpResponse, ResponseHead
from web.services import Services

_PATH = "/graphql"
_METHODS = "GET, HEAD, POST, OPTIONS"
_BY_ADDRESS = frozenset({"GET", "HEAD"})
_QUERY = "QUERY"
"""RFC 10008: safe as GET is, with a body as POST has."""
_GRAPHIQL = "/graphiql"
_CLIENT_GONE = 499
_REFUSED = 400
_DRY_RUN = b"validate"
_EXPLAIN, _ANALYZE = "GraphQL-Explain", b"analyze"


class GraphQLOverHttp:
    """The ASGI app of `/graphql` over HTTP."""

    path = _PATH

    def __init__(self, services: Services) -> None:
        self._services, self._settings = services, services.settings
        self._runner = OperationRunner(services)
        self._head = ResponseHead(services.settings, services.origins)
        self._body_limit = TimeLimit(services.settings.body_timeout_s)
        has_query = services.settings.http_query == "on"
        self._safe = _BY_ADDRESS | {_QUERY} if has_query else _BY_ADDRESS
        self._methods = f"{_METHODS}, {_QUERY}" if has_query else _METHODS
        self._accept_query = [(b"accept-query", b"application/json")] if has_query else []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = perf_counter()
        headers = by_name(scope["headers"])
        address = self._services.addresses.of(scope)
        exchange = Exchange(
            scope,
            headers,
            begin_request(headers),
            address,
            connection_of(scope),
            scope["method"] in self._safe,
            handed=handed_over(scope),
        )
        status = _CLIENT_GONE
        with request_step(scope["method"], headers, self.path) as step:
            exchange.trace = told(step)
            try:
                answer = await self._reply(exchange, receive)
                if isinstance(answer, HttpResponse):
                    status = answer.status
                    if not self._respond(exchange, answer):
                        await send(self._head.start(exchange, answer))
                        await send({"type": "http.response.body", "body": answer.body})
                elif isinstance(answer, MultipartAnswer):
                    status = 200
                    await self._send_parts(exchange, answer, receive, send)
                else:
                    status = 200
                    await self._stream(exchange, answer, receive, send)
            except ClientDisconnect:
                pass  # the client is gone
            finally:
                end_step(step, status, exchange.fields)
                write_request(
                    scope["method"], self.path, status, perf_counter() - started, exchange.fields
                )

    def _respond(self, exchange: Exchange, answer: HttpResponse) -> bool:
        """Send the whole response at once; False where that is not possible."""
        connection = exchange.connection
        if connection is None or answer.status >= _REFUSED:  # which may close the connection
            return False
        fields = self._head.fields(exchange, answer)
        return fields is not None and connection.respond(
            exchange.scope, answer.status, fields, answer.body
        )

    async def _send_parts(
        self, exchange: Exchange, answer: MultipartAnswer, receive: Receive, send: Send
    ) -> None:
        timeout_s = self._settings.subscription_send_timeout_s
        headers = self._head.head(exchange)
        await MultipartResponse(exchange, answer, headers, timeout_s).send(receive, send)

    async def _reply(self, exchange: Exchange, receive: Receive) -> HttpResponse | Any:
        """Answer, or return a MultipartAnswer or what `_serve_stream` takes."""
        try:
            await self._services.limits.requests.admit(exchange.address)
            return await self._handle(exchange, receive)
        except ClientDisconnect:
            raise
        except Exception as error:  # noqa: BLE001 - here the last is answered
            response.log_error(error)
            if isinstance(error, HttpRefusal | InvalidCredentials | BudgetExhausted):
                error.__traceback__ = None  # its frames would keep the variables while it waits
                await self._services.limits.refusal_pacing.wait()
            return response.from_error(exchange, error)

    async def _handle(self, exchange: Exchange, receive: Receive) -> HttpResponse | Any:
        if exchange.scope["method"] == "OPTIONS":
            return self._options(exchange)
        if exchange.scope["method"] in _BY_ADDRESS and self._is_page(exchange):
            return HttpResponse(
                303, b"", [(b"location", _GRAPHIQL.encode()), (b"content-length", b"0")]
            )
        self._check(exchange)
        return await self._run(exchange, await self._parameters(exchange, receive))

    def _options(self, exchange: Exchange) -> HttpResponse:
        preflight = self._services.origins.preflight(exchange.headers)
        return HttpResponse(
            204, b"", [*(preflight or [(b"allow", self._methods.encode())]), *self._accept_query]
        )

    def _is_page(self, exchange: Exchange) -> bool:
        """Tell whether a browser asks for a page; it is redirected to GraphiQL."""
        return (
            self._settings.graphiql == "on"
            and not exchange.scope["query_string"]
            and wants_page(exchange.headers.get(b"accept"))
        )

    def _check(self, exchange: Exchange) -> None:
        """Check what can be checked before the body is read. Raises HttpRefusal."""
        headers, method = exchange.headers, exchange.scope["method"]
        if method != "POST" and not exchange.is_safe:
            raise MethodNotAllowed(self._methods)
        exchange.accepts = acceptable(headers.get(b"accept"))
        exchange.coding = coding_of(headers.get(b"accept-encoding"))
        self._check_origin(exchange)
        if method not in _BY_ADDRESS:
            require_json(headers.get(b"content-type"), headers.get(b"content-encoding"))
        elif len(exchange.scope["query_string"]) > self._settings.body_max_bytes:
            raise AddressTooLong(self._settings.body_max_bytes)

    def _check_origin(self, exchange: Exchange) -> None:
        """Check that no page of another site uses the browser's session. Raises CrossSite."""
        headers = exchange.headers
        if (
            b"cookie" in headers
            and b"authorization" not in headers
            and self._services.origins.is_foreign(headers)
        ):
            raise CrossSite

    async def _parameters(self, exchange: Exchange, receive: Receive) -> Parameters:
        """Read what is asked for. What was read and is refused is charged. Raises HttpRefusal."""
        try:
            return await self._read_parameters(exchange, receive)
        except HttpRefusal as refusal:
            if isinstance(refusal, BodyTooLarge) and b"content-length" not in exchange.headers:
                exchange.size = self._settings.body_max_bytes  # nothing told before that it is
            if exchange.size:
                with suppress(InvalidCredentials):
                    context = self._runner.context(exchange, await self._runner.caller(exchange))
                    await self._services.executor.charge_refusal(context, exchange.size)
            raise

    async def _read_parameters(self, exchange: Exchange, receive: Receive) -> Parameters:
        if exchange.scope["method"] in _BY_ADDRESS:
            address = exchange.scope["query_string"]
            exchange.size = len(address)
            asked, text = parameters.from_query_string(address), unquote_to_bytes(address)
            exchange.size, exchange.weight = reading_size(text), weight_of(text)
            return asked
        body, most = None, self._settings.body_max_bytes
        if exchange.connection is not None:
            body = exchange.connection.take_body(exchange.scope, most)
        if body is None:
            body = await read_body(receive, exchange.headers, most, self._body_limit)
        exchange.size = len(body)  # values are counted once they are read
        asked = parameters.from_body(body)
        exchange.size, exchange.weight = reading_size(body), weight_of(body)
        return asked

    async def _run(
        self, exchange: Exchange, asked: Parameters
    ) -> HttpResponse | MultipartAnswer | OperationRequest:
        context = self._runner.context(exchange, await self._runner.caller(exchange))
        if exchange.weight <= FREE_BYTES:
            return await self._run_in(context, exchange, asked)
        weights, is_limited = self._services.limits.weights, context.switches.rate_limiting
        with ExitStack() as held:
            held.enter_context(
                weights.held(context.caller_key, exchange.weight, is_limited=is_limited)
            )
            answer = await self._run_in(context, exchange, asked)
            if isinstance(answer, MultipartAnswer):
                answer.under_way.hold(held.pop_all())
            return answer

    async def _run_in(
        self, context: Context, exchange: Exchange, asked: Parameters
    ) -> HttpResponse | MultipartAnswer | OperationRequest:
        if exchange.handed.failed is not None:
            answer = self._services.executor.tell_of(context, exchange.handed.failed)
            return await response.from_result(exchange, answer)
        documents = self._services.persisted
        text = documents.text_of_now(asked)
        if text is None:
            try:
                text = await documents.text_of(asked, is_admin=context.viewer.is_admin)
            except DocumentError:
                await self._services.executor.charge_refusal(context, exchange.size)
                raise
        request = OperationRequest(
            text,
            asked.get("variables"),
            asked.get("operationName"),
            exchange.is_safe,
            exchange.headers.get(b"graphql-cost") == _DRY_RUN,
            size_beside(exchange.size, text),
            exchange.weight,
            is_explained=_is_explained(exchange, context),
        )
        if not exchange.is_head and await self._is_stream(exchange, context, request):
            return request
        begun: MultipartAnswer | None = None
        if may_have_parts(text) and (form := self._parts_form(exchange)) is not None:
            begun = await self._first_part(exchange, context, request, form)
            answer = begun.first
        else:
            answer = await self._runner.execute(exchange, context, request)
        if "extensions" in asked and answer.is_executed and not request.is_dry_run:
            await documents.register(asked, request.text, context.caller_key)
        return begun if begun and answer.has_next else await response.from_result(exchange, answer)

    def _parts_form(self, exchange: Exchange) -> PartsForm | None:
        """Get the form of an answer in parts. None: it is to be sent at once."""
        return None if exchange.is_head else exchange.accepts.parts

    async def _first_part(
        self, exchange: Exchange, context: Context, request: OperationRequest, form: PartsForm
    ) -> MultipartAnswer:
        """Wait for the first part of an answer, or for all of it."""
        under_way = await self._runner.begin(exchange, context, request, form)
        try:
            first = await anext(under_way)
            if not first.has_next:
                await under_way.end()
        except BaseException:
            await under_way.close()
            raise
        return MultipartAnswer(form, first, under_way)

    async def _is_stream(
        self, exchange: Exchange, context: Context, request: OperationRequest
    ) -> bool:
        """Tell whether to answer by a stream.

        To a subscription, if nothing else is accepted, or in parts that may not be multipart. Where
        no event stream is accepted, but multipart with events, only to a subscription.
        """
        accepts = exchange.accepts
        if not accepts.streams and not accepts.event_parts:
            return False
        if accepts.json is None:
            return True
        if accepts.parts is None and accepts.stream_parts and may_have_parts(request.text):
            return True
        return await is_subscription(self._services, context, request)

    async def _stream(self, exchange: Exchange, asked: Any, receive: Receive, send: Send) -> None:
        state: dict[str, Any] = exchange.scope.setdefault("state", {})
        state["request_id"], state["log_fields"] = exchange.request_id, exchange.fields
        headers = self._head.head(exchange)
        await self._serve_stream(exchange, asked, receive, with_headers(send, headers))

    async def _serve_stream(
        self, exchange: Exchange, asked: Any, receive: Receive, send: Send
    ) -> None:
        coding = exchange.coding.coding if _may_be_compressed(asked) else None
        framing = EVENTS if exchange.accepts.streams else MULTIPART
        await serve_event_stream(
            self._services, exchange.scope, receive, send, asked, framing=framing, coding=coding
        )


def _may_be_compressed(request: OperationRequest) -> bool:
    """Tell whether the events of a request may be compressed: the parts of a query.

    A compressor takes too much for as long as a subscription goes on, and the answer of a mutation
    may hold a new secret.
    """
    is_other = "subscription" in request.text or "mutation" in request.text
    return may_have_parts(request.text) and not is_other


def _is_explained(exchange: Exchange, context: Context) -> bool:
    """Tell whether an administrator wants the plan instead of the answer. Raises HttpRefusal."""
    asked = exchange.headers.get(_EXPLAIN.lower().encode())
    if asked is None:
        return False
    if not context.viewer.is_admin:
        raise ForAdministrators(_EXPLAIN)
    if asked != _ANALYZE:
        raise BadRequest(f"`{_EXPLAIN}` has one value: {_ANALYZE.decode()}.", _EXPLAIN)
    return True
