"""GraphQL over WebSocket, by the protocol `graphql-transport-ws`.

One task reads messages, one watches lifetime and credentials, one waits for `connection_init`, one
for an end without operations, and each operation has its own. All end with the connection. A task
that finds a reason to end it raises StreamEnded.
"""

import asyncio
import logging
from contextlib import ExitStack, aclosing, suppress
from functools import partial
from time import monotonic, perf_counter
from typing import Any

import orjson
from starlette.types import Message, Receive, Scope, Send

from db.errors import DatabaseError
from graph.operation_request import OperationRequest
from runtime import tracing
from web.auth.api_tokens import InvalidCredentials
from web.documents.persisted_documents import DocumentError
from web.http.request_log import log_fields_of, request_id_of, write_request
from web.http.request_trace import operation_step, told
from web.limits.open_streams import QuotaSlot, TooManyConnections, TooManySubscriptions
from web.limits.request_memory import PER_OPERATION, TooMuchInProgress, weight_of
from web.limits.request_rate import TooManyRequests
from web.protocols.outbox import Outbox
from web.protocols.stream_end import (
    FORBIDDEN,
    GOING_AWAY,
    TRY_AGAIN_LATER,
    ClientGone,
    StreamEnded,
    stream_tasks,
)
from web.protocols.subscriber import Result, Subscriber, refusal
from web.protocols.websocket_message import (
    BAD_REQUEST,
    read_authorization,
    read_message,
    read_payload,
    read_text,
)
from web.services import Services
from web.switches import switches_at

PROTOCOL = "graphql-transport-ws"

_UNAUTHORIZED = 4401
_NOT_ACCEPTABLE = 4406
_NOT_BEGUN = 4408
_ALREADY_EXISTS = 4409
_TOO_MANY = 4429

_INIT_S = 5.0
"""Seconds that a client has to send `connection_init`."""
_CLOSE_S = 1.0
"""Seconds that the close frame waits for a client that does not read, before the connection is cut.
"""
_MAX_REASON_BYTES = 123

logger = logging.getLogger(__name__)


class WebSockets:
    """The ASGI app of `/graphql` over WebSocket."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await _serve(self._services, scope, receive, send)


async def _serve(services: Services, scope: Scope, receive: Receive, send: Send) -> None:
    """Serve a WebSocket, from its handshake to its end."""
    await receive()  # websocket.connect
    headers: dict[bytes, bytes] = dict(scope["headers"])
    fields = log_fields_of(scope)
    if services.origins.is_foreign(headers) and b"cookie" in headers:
        # Another site's page made the browser send the cookie. The answer is 403.
        fields.update(
            refused="a page of another site sent a cookie; if it may, name its origin in CORS_ORIGINS"
        )
        await send({"type": "websocket.close", "code": FORBIDDEN})
        return
    await services.limits.refusal_pacing.wait()
    subscriber = Subscriber(services, scope)
    accepted = PROTOCOL if PROTOCOL in scope["subprotocols"] else None
    await send({"type": "websocket.accept", "subprotocol": accepted})
    try:
        if accepted is None:
            raise StreamEnded(_NOT_ACCEPTABLE, f"Subprotocol not acceptable: use {PROTOCOL}.")
        with _arrive(services, subscriber) as slot:
            await _WebSocketConnection(subscriber, slot, scope, receive, send).serve()
    except ClientGone as gone:
        fields.update(close_code=gone.code)
    except StreamEnded as ended:
        fields.update(close_code=ended.code, close_reason=ended.reason)
        await _close(send, ended)


def _arrive(services: Services, subscriber: Subscriber) -> QuotaSlot:
    """Take one of the address's slots for unidentified connections. Raises StreamEnded."""
    try:
        is_limited = switches_at(services.flags, subscriber.address).rate_limiting
        return services.open_streams.stream(f"new:{subscriber.address}", is_limited=is_limited)
    except TooManyConnections as error:
        raise StreamEnded(TRY_AGAIN_LATER, error.message) from error


async def _close(send: Send, ended: StreamEnded) -> None:
    reason = ended.reason.encode()[:_MAX_REASON_BYTES].decode(errors="ignore")
    with suppress(OSError, TimeoutError):
        async with asyncio.timeout(_CLOSE_S):
            await send({"type": "websocket.close", "code": ended.code, "reason": reason})


class _WebSocketConnection:
    """One WebSocket, after its handshake."""

    def __init__(
        self, subscriber: Subscriber, slot: QuotaSlot, scope: Scope, receive: Receive, send: Send
    ) -> None:
        self._settings = subscriber.services.settings
        self._subscriber, self._slot = subscriber, slot
        self._scope, self._receive, self._asgi_send = scope, receive, send
        self._request_id = request_id_of(scope)
        self._is_begun = False
        self._operations: dict[str, asyncio.Task[None]] = {}
        self._active_at = monotonic()
        self._outbox = Outbox(subscriber)

    async def serve(self) -> None:
        """Serve until either side ends the connection. Always raises StreamEnded."""
        async with stream_tasks() as self._tasks:
            self._tasks.create_task(self._await_init())
            while True:
                await self._take(await self._receive())

    async def _await_init(self) -> None:
        """Wait for `connection_init`. Raises StreamEnded if it does not come in time."""
        await asyncio.sleep(_INIT_S)
        if not self._is_begun:
            raise StreamEnded(
                _NOT_BEGUN,
                f"Connection initialisation timeout: no connection_init in {_INIT_S:g} s.",
            )

    async def _idle(self) -> None:
        """Wait until the connection was idle too long. Always raises StreamEnded."""
        limit_s = self._settings.subscription_idle_s
        while (left_s := self._active_at + limit_s - monotonic()) > 0:
            await asyncio.sleep(left_s)
            if self._operations:
                self._active_at = monotonic()
        raise StreamEnded(
            GOING_AWAY,
            f"No operation ran for {limit_s:g} s. Connect again when needed.",
        )

    async def _take(self, message: Message) -> None:
        """Handle a message. Raises StreamEnded."""
        if message["type"] == "websocket.disconnect":
            raise ClientGone(message.get("code", 1006))
        self._active_at = monotonic()
        said = read_message(message)
        match said.get("type"):
            case "subscribe":
                await self._subscribe(said, message["text"])
            case "complete":
                self._complete(said)
            case "connection_init":
                await self._begin(said)
            case "ping":
                await self._send("pong", payload=said.get("payload"))
            case "pong":
                pass
            case other:
                raise StreamEnded(BAD_REQUEST, f"Unknown message type: {other}")

    async def _begin(self, message: dict[str, Any]) -> None:
        """Sign in by `connection_init`: browsers cannot send headers with a WebSocket."""
        if self._is_begun:
            raise StreamEnded(
                _TOO_MANY, "Too many initialisation requests: one connection_init is enough."
            )
        authorization = read_authorization(message)
        self._subscriber.name_client(message.get("payload"))
        try:
            await self._subscriber.identify(authorization)
        except InvalidCredentials as error:
            raise StreamEnded(FORBIDDEN, str(error)) from error
        except DatabaseError as error:
            raise StreamEnded(TRY_AGAIN_LATER, error.public_message) from error
        if not self._slot.move(
            self._subscriber.key, is_limited=self._subscriber.switches.rate_limiting
        ):
            raise StreamEnded(TRY_AGAIN_LATER, TooManyConnections(self._slot.quota.limit).message)
        self._is_begun = True
        self._tasks.create_task(self._idle())
        self._tasks.create_task(self._subscriber.watch())
        await self._send("connection_ack")

    async def _subscribe(self, message: dict[str, Any], text: str) -> None:
        if not self._is_begun:
            raise StreamEnded(
                _UNAUTHORIZED,
                "Unauthorized: send connection_init and wait for connection_ack first.",
            )
        operation_id, payload = read_text(message, "id"), read_payload(message)
        if operation_id in self._operations:
            raise StreamEnded(_ALREADY_EXISTS, f"Subscriber for {operation_id} already exists")
        limit = self._settings.subscriptions_per_connection
        # Queries and mutations, which end soon, have as many slots again.
        if len(self._operations) >= 2 * limit and self._subscriber.switches.rate_limiting:
            error = TooManySubscriptions(limit, "This connection has")
            await self._send_error(operation_id, refusal(self._request_id, error))
            return
        await self._begin_operation(
            operation_id, payload, len(text), PER_OPERATION + weight_of(text)
        )

    async def _begin_operation(
        self, operation_id: str, payload: dict[str, Any], size: int, weight: int
    ) -> None:
        """Begin an operation whose message had `size` bytes; refuse it if others weigh too much."""
        subscriber, weights = self._subscriber, self._subscriber.services.limits.weights
        key = subscriber.key
        try:
            weights.take(key, weight, is_limited=subscriber.switches.rate_limiting)
        except TooMuchInProgress as error:
            await subscriber.services.limits.refusal_pacing.wait()
            await self._send_error(operation_id, refusal(self._request_id, error))
            return
        task = self._tasks.create_task(self._run(operation_id, payload, size))
        task.add_done_callback(lambda _: weights.give_back(key, weight))
        self._operations[operation_id] = task

    def _complete(self, message: dict[str, Any]) -> None:
        operation = self._operations.pop(read_text(message, "id"), None)
        if operation is not None:
            operation.cancel()

    async def _run(self, operation_id: str, payload: dict[str, Any], size: int) -> None:
        """Run an operation to its end; its message had `size` bytes.

        Raises StreamEnded where it ends the connection.
        """
        this, started = asyncio.current_task(), perf_counter()
        fields: dict[str, Any] = {}
        try:
            with ExitStack() as traced:
                step = traced.enter_context(operation_step(self._scope["path"], payload))
                told(step)
                await self._run_to_its_end(operation_id, payload, size, fields, traced)
        except StreamEnded:
            raise
        except Exception as error:  # noqa: BLE001 - one operation's failure is not the others'
            if self._operations.get(operation_id) is this:
                await self._send_error(operation_id, refusal(self._request_id, error))
        finally:
            if self._operations.get(operation_id) is this:
                del self._operations[operation_id]
            self._active_at = monotonic()
            write_request("SUBSCRIBE", self._scope["path"], None, perf_counter() - started, fields)
            del this  # a task that was cancelled keeps this frame: they would keep each other

    async def _run_to_its_end(
        self,
        operation_id: str,
        payload: dict[str, Any],
        size: int,
        fields: dict[str, Any],
        traced: ExitStack,
    ) -> None:
        """Send all answers. What is `traced` ends with the first: a subscription may last for days."""
        documents = self._subscriber.services.persisted
        try:
            await self._subscriber.services.limits.requests.admit(self._subscriber.address)
            viewer = self._subscriber.caller.viewer
            text = await documents.text_of(payload, is_admin=viewer.is_admin)
        except (TooManyRequests, DocumentError, DatabaseError) as error:
            if isinstance(error, DocumentError):
                await self._subscriber.charge_refusal(size)
            await self._send_error(operation_id, refusal(self._request_id, error))
            return
        request = OperationRequest(
            text,
            payload.get("variables"),
            payload.get("operationName"),
            size=size,
        )
        async with aclosing(self._subscriber.results(request, fields)) as results:
            async for result in results:
                if result.is_refusal:
                    await self._send_error(operation_id, result)
                    return
                await self._send_text(
                    b'{"type":"next","id":%b,"payload":%b}'
                    % (orjson.dumps(operation_id), result.body)
                )
                if (name := fields.get("operation")) is not None:
                    tracing.note(graphql_operation_name=name)
                traced.close()
                if "extensions" in payload:
                    await documents.register(payload, text, self._subscriber.key)
        self._operations.pop(operation_id, None)  # the id may be used again from now on
        await self._send("complete", id=operation_id)

    async def _send_error(self, operation_id: str, result: Result) -> None:
        self._operations.pop(operation_id, None)
        await self._send("error", id=operation_id, payload=orjson.loads(result.body)["errors"])

    async def _send(self, kind: str, **fields: Any) -> None:
        message = {
            "type": kind,
            **{name: value for name, value in fields.items() if value is not None},
        }
        await self._send_text(orjson.dumps(message))

    async def _send_text(self, message: bytes) -> None:
        """Send a message in order; wait while the client does not read. Raises StreamEnded."""
        await self._outbox.send(len(message), partial(self._write, message))

    async def _write(self, message: bytes) -> None:
        await self._asgi_send({"type": "websocket.send", "text": message.decode()})
