"""GraphQL over HTTP: the one way of `POST /graphql` and `GET /graphql`, from the socket to the executor and back.

Plain ASGI, without routing, middleware and request objects: they would cost more than the answer to a small query.
"""

import logging
from time import perf_counter
from typing import Any

from graphql import OperationType
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from db.errors import DatabaseError, PacegraphError
from graph.context import Context
from graph.execution import OperationRequest
from graph.time_limit import TimeLimit
from web import parameters, reply
from web.body import let_pass, read_body
from web.compression import coding_of
from web.errors import AddressTooLong, CrossSite, HttpRefusal, MethodNotAllowed
from web.event_stream import serve_event_stream
from web.header_fields import by_name
from web.identity import InvalidCredentials
from web.media_type import acceptable, require_json, wants_page
from web.operations import Operations, who_asks
from web.parameters import Parameters
from web.reply import Exchange, Replies, Reply
from web.request_log import begin_request, write_request
from web.security_headers import with_headers
from web.services import Services

_PATH = "/graphql"
_METHODS = "GET, HEAD, POST, OPTIONS"
_SAFE = frozenset({"GET", "HEAD"})
_GRAPHIQL = "/graphiql"
_CLIENT_GONE = 499
_TOO_LARGE = 413
_DRY_RUN = b"validate"

logger = logging.getLogger(__name__)


class GraphQLOverHttp:
    """ASGI: answers whatever comes to `/graphql` over HTTP."""

    def __init__(self, services: Services) -> None:
        self._services, self._settings = services, services.settings
        self._operations = Operations(services)
        self._replies = Replies(services.settings, services.origins)
        self._body_limit = TimeLimit(services.settings.body_timeout_s)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = perf_counter()
        headers = by_name(scope["headers"])
        address = self._services.addresses.of(scope)
        exchange = Exchange(scope, headers, begin_request(headers), address, scope["method"] in _SAFE)
        status = _CLIENT_GONE
        try:
            answer = await self._reply(exchange, receive)
            if isinstance(answer, Reply):
                status = answer.status
                await send(self._replies.start(exchange, answer))
                if status == _TOO_LARGE:
                    await send({"type": "http.response.body", "body": answer.body, "more_body": True})
                    await let_pass(receive)
                    await send({"type": "http.response.body"})
                else:
                    await send({"type": "http.response.body", "body": answer.body})
            else:
                status = 200
                await self._stream(exchange, answer, receive, send)
        except ClientDisconnect:
            pass  # nobody is there to be answered
        finally:
            write_request(scope["method"], _PATH, status, perf_counter() - started, exchange.fields)

    async def _reply(self, exchange: Exchange, receive: Receive) -> Reply | OperationRequest:
        """Answer; or give the operation whose results are to be streamed."""
        try:
            await self._services.limits.requests.admit(exchange.address)
            if exchange.scope["method"] == "OPTIONS":
                return self._options(exchange)
            if exchange.is_safe and self._is_page(exchange):
                return Reply(303, b"", [(b"location", _GRAPHIQL.encode()), (b"content-length", b"0")])
            self._check(exchange)
            return await self._run(exchange, await self._parameters(exchange, receive))
        except ClientDisconnect:
            raise
        except Exception as error:  # noqa: BLE001 - here the last is answered
            _log(error)
            if isinstance(error, HttpRefusal | InvalidCredentials):
                await self._services.limits.pace.wait()
            return reply.of_error(exchange, error)

    def _options(self, exchange: Exchange) -> Reply:
        preflight = self._services.origins.preflight(exchange.headers)
        return Reply(204, b"", preflight or [(b"allow", _METHODS.encode())])

    def _is_page(self, exchange: Exchange) -> bool:
        """Tell whether a browser came here for a page: then it is sent on to GraphiQL."""
        return (
            self._settings.graphiql == "on"
            and not exchange.scope["query_string"]
            and wants_page(exchange.headers.get(b"accept"))
        )

    def _check(self, exchange: Exchange) -> None:
        """Check all that can be checked before the body is read. Raises HttpRefusal."""
        headers, method = exchange.headers, exchange.scope["method"]
        if method != "POST" and not exchange.is_safe:
            raise MethodNotAllowed(_METHODS)
        exchange.accepts = acceptable(headers.get(b"accept"))
        exchange.coding = coding_of(headers.get(b"accept-encoding"))
        if b"cookie" in headers and b"authorization" not in headers and self._services.origins.is_foreign(headers):
            raise CrossSite
        if method == "POST":
            require_json(headers.get(b"content-type"), headers.get(b"content-encoding"))
        elif len(exchange.scope["query_string"]) > self._settings.body_max_bytes:
            raise AddressTooLong(self._settings.body_max_bytes)

    async def _parameters(self, exchange: Exchange, receive: Receive) -> Parameters:
        if exchange.is_safe:
            return parameters.of_address(exchange.scope["query_string"])
        return parameters.of_body(
            await read_body(receive, exchange.headers, self._settings.body_max_bytes, self._body_limit)
        )

    async def _run(self, exchange: Exchange, asked: Parameters) -> Reply | OperationRequest:
        context = self._operations.context(exchange, await self._operations.caller(exchange))
        documents = self._services.persisted
        text = documents.text_of_now(asked)
        request = OperationRequest(
            await documents.text_of(asked) if text is None else text,
            asked.get("variables"),
            asked.get("operationName") or None,
            exchange.is_safe,
            exchange.headers.get(b"graphql-cost") == _DRY_RUN,
        )
        if (
            exchange.accepts.streams
            and exchange.scope["method"] != "HEAD"
            and await self._is_stream(exchange, context, request)
        ):
            return request
        who = who_asks(exchange, context.caller)
        answer = await self._operations.execute(who, context, request)
        if "extensions" in asked and answer.is_executed and not request.is_dry_run:
            await documents.register(asked, request.text, who)
        return await reply.of_answer(exchange, answer)

    async def _is_stream(self, exchange: Exchange, context: Context, request: OperationRequest) -> bool:
        """Tell whether the answer is a stream: that of a subscription, or of anything if nothing else is accepted."""
        if exchange.accepts.json is None:
            return True
        if "subscription" not in request.text:
            return False
        document = await self._services.executor.read(context, request.text)
        operation = document.operation(request.operation_name)
        return operation is not None and operation.node.operation is OperationType.SUBSCRIPTION

    async def _stream(self, exchange: Exchange, request: OperationRequest, receive: Receive, send: Send) -> None:
        state: dict[str, Any] = exchange.scope.setdefault("state", {})
        state["request_id"], state["log_fields"] = exchange.request_id, exchange.fields
        headers = self._replies.head(exchange)
        await serve_event_stream(self._services, exchange.scope, receive, with_headers(send, headers), request)


def _log(error: Exception) -> None:
    if isinstance(error, DatabaseError):
        logger.warning("request failed: %s", error)
    elif not isinstance(error, PacegraphError):
        logger.error("unexpected error before an operation ran", exc_info=error)
