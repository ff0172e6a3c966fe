"""GraphQL over WebSocket, by the protocol `graphql-transport-ws`.

One task reads messages, and each operation has its own. The process's rounds look at lifetime,
credentials, the wait for `connection_init`, and an end without operations.
"""

import asyncio
import logging
from contextlib import suppress
from dataclasses import dataclass, field
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
from web.http.request_trace import EarlyStep
from web.limits.open_streams import QuotaSlot, TooManyConnections, TooManySubscriptions
from web.limits.request_memory import (
    PER_OPERATION,
    RequestWeights,
    TooMuchInProgress,
    reading_size,
    size_beside,
    weight_of,
)
from web.limits.request_rate import TooManyRequests
from web.protocols.outbox import Outbox
from web.protocols.stream_end import (
    FORBIDDEN,
    GOING_AWAY,
    TRY_AGAIN_LATER,
    ClientGone,
    StreamEnded,
)
from web.protocols.subscriber import Result, Subscriber, refusal
from web.protocols.watched_stream import WatchedStream
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
_OF_HANDSHAKE = {
    b"accept-encoding", b"accept-language", b"cache-control", b"connection", b"host", b"pragma",
    b"sec-websocket-extensions", b"sec-websocket-key", b"sec-websocket-protocol",
    b"sec-websocket-version", b"upgrade", b"user-agent",
}  # fmt: skip
"""Fields that nothing asks for after the handshake: the others stay as long as the socket."""

logger = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class SocketOperation:
    """One operation of a WebSocket, whose message had `size` bytes.

    `payload` is None from the first answer on. `fields` are those of its log line.
    """

    id: str
    payload: dict[str, Any] | None
    size: int
    fields: dict[str, Any] = field(default_factory=dict)
    task: asyncio.Task[None] | None = None


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
    scope["headers"] = [each for each in scope["headers"] if each[0] not in _OF_HANDSHAKE]
    del headers
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


class _WebSocketConnection(WatchedStream):
    """One WebSocket, after its handshake."""

    def __init__(
        self, subscriber: Subscriber, slot: QuotaSlot, scope: Scope, receive: Receive, send: Send
    ) -> None:
        super().__init__(subscriber)
        self._settings, self._slot = subscriber.services.settings, slot
        self._scope, self._receive, self._asgi_send = scope, receive, send
        self._request_id = request_id_of(scope)
        self._is_begun = False
        self._operations: dict[str, SocketOperation] = {}
        self._active_at = monotonic()
        self._init_until = self._active_at + _INIT_S
        self._outbox = Outbox(subscriber)

    async def serve(self) -> None:
        """Serve until either side ends the connection. Always raises StreamEnded."""
        rounds = self._subscriber.services.open_streams.rounds
        try:
            async with self._tasks:
                rounds.enter(self)
                while True:
                    await self._take(await self._receive())
        finally:
            rounds.leave(self)

    def _look_further(self, now: float) -> float:
        if not self._is_begun:
            if now >= self._init_until:
                message = f"no connection_init in {_INIT_S:g} s."
                raise StreamEnded(_NOT_BEGUN, f"Connection initialisation timeout: {message}")
            return self._init_until
        if self._operations:
            self._active_at = now
        limit_s = self._settings.subscription_idle_s
        if now >= self._active_at + limit_s:
            raise StreamEnded(
                GOING_AWAY,
                f"No operation ran for {limit_s:g} s. Connect again when needed.",
            )
        return self._active_at + limit_s

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
        self._subscriber.begin_watch()
        self.look_at = 0.0
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
            operation_id, payload, reading_size(text), PER_OPERATION + weight_of(text)
        )

    async def _begin_operation(
        self, operation_id: str, payload: dict[str, Any], size: int, weight: int
    ) -> None:
        """Begin an operation whose message counts as `size` bytes; refuse it if others weigh too much."""
        subscriber, weights = self._subscriber, self._subscriber.services.limits.weights
        key = subscriber.key
        try:
            weights.take(key, weight, is_limited=subscriber.switches.rate_limiting)
        except TooMuchInProgress as error:
            await subscriber.services.limits.refusal_pacing.wait()
            await self._send_error(operation_id, refusal(self._request_id, error))
            return
        operation = SocketOperation(operation_id, payload, size)
        operation.task = self._tasks.create_task(self._run(operation))
        operation.task.add_done_callback(partial(_give_back, weights, key, weight))
        self._operations[operation_id] = operation

    def _complete(self, message: dict[str, Any]) -> None:
        operation = self._operations.pop(read_text(message, "id"), None)
        if operation is not None and operation.task is not None:
            operation.task.cancel()

    async def _run(self, operation: SocketOperation) -> None:
        """Run an operation to its end. Raises StreamEnded where it ends the connection."""
        started = perf_counter()
        try:
            with EarlyStep(self._scope["path"], operation.payload or {}) as step:
                await self._run_to_its_end(operation, step)
        except StreamEnded:
            raise
        except Exception as error:  # noqa: BLE001 - one operation's failure is not the others'
            if self._operations.get(operation.id) is operation:
                await self._send_error(operation.id, refusal(self._request_id, error))
        finally:
            if self._operations.get(operation.id) is operation:
                del self._operations[operation.id]
            operation.task = None  # a task that was cancelled keeps this frame
            self._active_at = monotonic()
            write_request(
                "SUBSCRIBE", self._scope["path"], None, perf_counter() - started, operation.fields
            )

    async def _run_to_its_end(self, operation: SocketOperation, step: EarlyStep) -> None:
        """Send all answers. The step of the trace ends with the first."""
        subscriber, documents = self._subscriber, self._subscriber.services.persisted
        payload = operation.payload or {}
        try:
            await subscriber.services.limits.requests.admit(subscriber.address)
            is_admin = subscriber.caller.viewer.is_admin
            text = await documents.text_of(payload, is_admin=is_admin)
        except (TooManyRequests, DocumentError, DatabaseError) as error:
            if isinstance(error, DocumentError):
                await subscriber.charge_refusal(operation.size)
            await self._send_error(operation.id, refusal(self._request_id, error))
            return
        request = OperationRequest(
            text,
            payload.get("variables"),
            payload.get("operationName"),
            size=size_beside(operation.size, text),
        )
        send = partial(self._send_result, operation, step)
        del payload, text  # a subscription goes on without them
        if await subscriber.run(request, operation.fields, send):
            self._operations.pop(operation.id, None)  # it may be used again from now on
            await self._send("complete", id=operation.id)

    async def _send_result(
        self, operation: SocketOperation, step: EarlyStep, result: Result
    ) -> None:
        if result.is_refusal:
            await self._send_error(operation.id, result)
            return
        await self._send_text(
            b'{"type":"next","id":%b,"payload":%b}' % (orjson.dumps(operation.id), result.body)
        )
        if (payload := operation.payload) is None:
            return
        operation.payload = None
        if (name := operation.fields.get("operation")) is not None:
            tracing.note(graphql_operation_name=name)
        step.end()
        if "extensions" in payload and (text := payload.get("query")):
            subscriber = self._subscriber
            await subscriber.services.persisted.register(payload, text, subscriber.key)

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


def _give_back(weights: RequestWeights, key: str, weight: int, _: object) -> None:
    weights.give_back(key, weight)
