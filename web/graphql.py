"""GraphQL over HTTP (POST, and GET for queries), WebSocket (graphql-transport-ws) and server-sent events."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from typing import Any

import orjson
from cross_web import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket
from strawberry.asgi import ASGIWebSocketAdapter, GraphQL
from strawberry.exceptions import ConnectionRejectionError
from strawberry.http import GraphQLHTTPResponse
from strawberry.http.exceptions import NonJsonMessageReceived
from strawberry.subscriptions import GRAPHQL_SSE_PROTOCOL, GRAPHQL_TRANSPORT_WS_PROTOCOL
from strawberry.types import ExecutionResult
from strawberry.types.unset import UNSET, UnsetType

from db.errors import DatabaseError
from graph.budget import BudgetExhausted
from graph.context import Context
from graph.errors import InvalidArgument
from graph.scalars import format_floats
from graph.schema import Schema
from web.budget import address_of
from web.errors import error_response
from web.identity import InvalidCredentials
from web.request_log import log_fields_of, request_id_of
from web.services import Services, services_of
from web.sign_in import begin_sign_in

_PROTOCOLS = (GRAPHQL_TRANSPORT_WS_PROTOCOL, GRAPHQL_SSE_PROTOCOL)
_JSON = "application/json"
_GRAPHQL_JSON = "application/graphql-response+json"


class _TextFrames(ASGIWebSocketAdapter):
    """Sends text frames: what graphql-transport-ws speaks, although orjson makes bytes. Takes JSON objects only."""

    async def iter_json(self, *, ignore_parsing_errors: bool = False) -> AsyncGenerator[object, None]:
        async for message in super().iter_json(ignore_parsing_errors=ignore_parsing_errors):
            if not isinstance(message, dict):
                raise NonJsonMessageReceived
            yield message

    async def send_json(self, message: Mapping[str, object]) -> None:
        await self.ws.send_text(orjson.dumps(format_floats(message)).decode())


class GraphQLEndpoint(GraphQL[Context, None]):
    """Strawberry's view, with our context, our errors and the media types of GraphQL over HTTP."""

    websocket_adapter_class = _TextFrames

    def __init__(self, schema: Schema) -> None:
        super().__init__(schema, graphql_ide=None, subscription_protocols=_PROTOCOLS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await super().__call__(scope, receive, send)
            return
        request = Request(scope, receive)
        try:
            response = await self.run(request)
        except HTTPException as error:
            response = error_response(error.status_code, "BAD_REQUEST", error.reason)
        except InvalidCredentials as error:
            response = error_response(401, "UNAUTHENTICATED", str(error), {"www-authenticate": "Bearer"})
        except DatabaseError as error:
            identified = request_id_of(scope)
            response = error_response(503, error.code, error.public_message, {"retry-after": "1"}, identified)
        await response(scope, receive, send)

    async def get_context(self, request: Request | WebSocket, response: Response | WebSocket) -> Context:
        services = services_of(request)
        caller = await services.sessions.caller(services.database, request, request.headers.get("authorization"))
        context = Context(
            database=services.database,
            jobs=services.jobs,
            caller=caller,
            request_id=request_id_of(request.scope),
            begin_sign_in=lambda: _begin_sign_in(services, response),
            budget=lambda: services.budgets.of(context.viewer.account_id, address_of(request.scope)),
            note_operation=lambda name: log_fields_of(request.scope).update(operation=name),
            callers_changed=services.sessions.forget_callers,
            connection=request,
            executor=services.executor,
        )
        return context

    async def on_ws_connect(self, context: Context) -> UnsetType | dict[str, object] | None:
        """Let `connection_init` sign in: a browser cannot send headers with a WebSocket."""
        headers = {name.lower(): value for name, value in (context.connection_params or {}).items()}
        authorization = headers.get("authorization")
        if authorization is not None:
            services = services_of(context.connection)
            try:
                context.caller = await services.sessions.caller(
                    services.database, context.connection, str(authorization)
                )
            except InvalidCredentials as error:
                raise ConnectionRejectionError({"code": "UNAUTHENTICATED", "message": str(error)}) from error
            context.forget()
        unset: UnsetType = UNSET
        return unset

    async def get_sub_response(self, request: Request | WebSocket) -> Response:
        response = await super().get_sub_response(request)
        response.headers["content-type"] = media_type(request.headers.get("accept", ""))
        request.state.sub_response = response
        return response

    async def create_streaming_response(
        self,
        request: Request | WebSocket,
        stream: Callable[[], AsyncIterator[str]],
        sub_response: Response,
        headers: Mapping[str, str],
    ) -> Response:
        del sub_response.headers["content-type"]  # `headers` say what the stream is
        return await super().create_streaming_response(request, stream, sub_response, headers)

    async def process_result(self, request: Request, result: ExecutionResult) -> GraphQLHTTPResponse:
        processed = await super().process_result(request, result)
        for error in result.errors or ():
            if isinstance(error.original_error, BudgetExhausted):
                request.state.sub_response.status_code = 429
                request.state.sub_response.headers["retry-after"] = str(error.original_error.retry_after_s)
        if result.data is None and any(error.path is None for error in result.errors or ()):
            # Nothing was executed: then the answer has no `data` at all.
            del processed["data"]
        return processed

    def create_response(
        self, response_data: GraphQLHTTPResponse | list[GraphQLHTTPResponse], sub_response: Response
    ) -> Response:
        executed = isinstance(response_data, list) or "data" in response_data
        negotiated = sub_response.headers["content-type"]
        status = sub_response.status_code or (200 if executed or negotiated.startswith(_JSON) else 400)
        response = Response(self.encode_json(response_data), status)
        response.headers.raw.extend(sub_response.headers.raw)
        return response

    def encode_json(self, data: object) -> bytes:
        return orjson.dumps(format_floats(data))

    def parse_json(self, data: str | bytes) -> Any:
        """Read a request's body or one of its parameters; null is the same as nothing in it."""
        parsed = super().parse_json(data)
        if not isinstance(parsed, dict | list | None):
            raise HTTPException(400, "The body must be a JSON object.")
        return {} if parsed is None else parsed

    def decode_json(self, data: str | bytes) -> Any:
        return orjson.loads(data)


def _begin_sign_in(services: Services, response: Response | WebSocket) -> str:
    if not isinstance(response, Response):
        raise InvalidArgument("Ask for connectStrava over HTTP: over a WebSocket the browser gets no cookie.")
    return begin_sign_in(services, response.headers, "/graphiql")


def media_type(accept: str) -> str:
    """Choose the answer's media type by the `Accept` header."""
    return _GRAPHQL_JSON if _GRAPHQL_JSON in accept else f"{_JSON}; charset=utf-8"
