"""`/graphql/stream`: graphql-sse's "single connection mode" over HTTP."""

from typing import Any

from starlette.types import Receive, Send

from graph.operation_request import OperationRequest
from web.documents.persisted_documents import DocumentError
from web.errors import BadRequest, MethodNotAllowed
from web.http.media_type import require_json
from web.limits.request_memory import size_beside
from web.protocols.graphql_over_http import GraphQLOverHttp
from web.protocols.operation_context import caller_key
from web.protocols.parameters import texts_in_address
from web.protocols.response import Exchange, HttpResponse
from web.protocols.single_connection import (
    OperationStream,
    SingleConnections,
    StreamConflict,
    StreamUnknown,
)
from web.services import Services
from web.switches import switches_of

PATH = "/graphql/stream"
_METHODS = "PUT, GET, POST, DELETE, OPTIONS"
_TOKEN = b"x-graphql-event-stream-token"
_TEXT = (b"content-type", b"text/plain; charset=utf-8")
_EMPTY = (b"content-length", b"0")
_LONGEST = 200


class GraphQLStream(GraphQLOverHttp):
    """The ASGI app."""

    path = PATH

    def __init__(self, services: Services) -> None:
        super().__init__(services)
        self._connections = SingleConnections(services)

    async def _handle(self, exchange: Exchange, receive: Receive) -> HttpResponse | Any:
        method = exchange.scope["method"]
        if method == "OPTIONS":
            allow = [(b"allow", _METHODS.encode())]
            preflight = self._services.origins.preflight(
                exchange.headers, methods=_METHODS.encode()
            )
            return HttpResponse(204, b"", preflight or allow)
        self._check_origin(exchange)
        caller = await self._runner.caller(exchange)
        key = caller_key(caller, exchange.address)
        if method == "PUT":
            flags, viewer = self._services.flags, caller.viewer
            is_limited = switches_of(flags, viewer, exchange.address).rate_limiting
            token = self._connections.reserve(key, is_limited=is_limited).encode()
            length = (b"content-length", str(len(token)).encode())
            return HttpResponse(201, token, [_TEXT, length])
        if method not in {"GET", "POST", "DELETE"}:
            raise MethodNotAllowed(_METHODS)
        token_text = _token_of(exchange)
        stream = self._connections.find(token_text, key).stream
        if method == "GET":  # returns what `_serve_stream` takes
            if stream is not None:
                raise StreamConflict("The stream is open already. Reserve another with PUT.")
            return token_text, caller
        if stream is None:
            raise StreamUnknown
        if method == "DELETE":
            stream.end(_operation_of(_in_address(exchange, "operationId")))
            return HttpResponse(200, b"", [_EMPTY])
        await self._begin(exchange, receive, stream, is_admin=caller.viewer.is_admin)
        return HttpResponse(202, b"", [_EMPTY])

    async def _begin(
        self, exchange: Exchange, receive: Receive, stream: OperationStream, *, is_admin: bool
    ) -> None:
        headers = exchange.headers
        require_json(headers.get(b"content-type"), headers.get(b"content-encoding"))
        asked = await self._parameters(exchange, receive)
        operation_id = _operation_of((asked.get("extensions") or {}).get("operationId"))
        stream.check(operation_id)
        try:
            text = await self._services.persisted.text_of(asked, is_admin=is_admin)
        except DocumentError:
            await stream.charge_refusal(exchange.size)
            raise
        request = OperationRequest(
            text,
            asked.get("variables"),
            asked.get("operationName"),
            size=size_beside(exchange.size, text),
        )
        stream.check(operation_id)  # another may have begun by now
        stream.begin(operation_id, request, exchange.weight)

    async def _serve_stream(
        self, exchange: Exchange, asked: Any, receive: Receive, send: Send
    ) -> None:
        """Serve the stream of a token and its caller."""
        token, caller = asked
        await self._connections.serve(token, caller, exchange.scope, receive, send)


def _token_of(exchange: Exchange) -> str:
    """Get the token, in a header or, as EventSource cannot send any, in the address."""
    header = exchange.headers.get(_TOKEN)
    token = header.decode("latin-1") if header is not None else _in_address(exchange, "token")
    if not token:
        raise BadRequest(
            "Send the stream's token in the header X-GraphQL-Event-Stream-Token. PUT answers it."
        )
    return token


def _in_address(exchange: Exchange, name: str) -> str | None:
    return texts_in_address(exchange.scope["query_string"]).get(name)


def _operation_of(operation_id: object) -> str:
    if not isinstance(operation_id, str) or not 0 < len(operation_id) <= _LONGEST:
        raise BadRequest(
            f"`operationId` must be a text of 1 to {_LONGEST} characters.", "extensions.operationId"
        )
    return operation_id
