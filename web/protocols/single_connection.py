"""Server-sent events of many operations on one connection: graphql-sse's "single connection mode".

`PUT` reserves a stream and answers its token, `GET` with the token opens it, `POST` runs an operation
whose results come on it, `DELETE` ends one. A reservation counts as an open stream of its caller.
Streams belong to the process that reserved them.
"""

import asyncio
import secrets
from functools import partial
from time import perf_counter
from typing import Any

import orjson
from starlette.types import Receive, Scope, Send

from graph.context import Caller
from graph.operation_request import OperationRequest
from web.errors import HttpRefusal
from web.http.request_log import request_id_of, write_request
from web.http.server_connection import cut
from web.limits.open_streams import QuotaSlot, TooManyConnections
from web.limits.request_memory import PER_OPERATION
from web.protocols.event_stream import ERROR_READ_S, EventStream
from web.protocols.stream_end import StreamEnded
from web.protocols.subscriber import Result, Subscriber, refusal
from web.services import Services

_OPEN_WITHIN_S = 10.0
"""Seconds that a client has to open the stream that it reserved."""
_RETRY_AFTER_S = "10"


class StreamUnknown(HttpRefusal):
    """No stream is reserved by this token, or it is another caller's."""

    status, code = 404, "STREAM_NOT_FOUND"

    def __init__(self) -> None:
        super().__init__(
            "There is no event stream with this token: it has ended, was not opened within "
            f"{_OPEN_WITHIN_S:g} s, or is another caller's. Reserve a new one with PUT."
        )


class StreamConflict(HttpRefusal):
    """The stream is open already, or the operation's id is in use."""

    status, code = 409, "STREAM_CONFLICT"


class TooMany(HttpRefusal):
    """The caller has the maximum of streams, or the stream that of operations."""

    status = 429

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message, headers={"retry-after": _RETRY_AFTER_S})
        self.code = code


class Reservation:
    """A stream that `caller` reserved, and which may be open."""

    def __init__(self, caller: str, slot: QuotaSlot) -> None:
        self.caller, self.slot = caller, slot
        self.stream: OperationStream | None = None


class SingleConnections:
    """The reserved and open streams of this process, by token."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._reserved: dict[str, Reservation] = {}

    def reserve(self, caller: str, *, is_limited: bool) -> str:
        """Reserve a stream; returns its token. Raises TooMany."""
        try:
            slot = self._services.open_streams.stream(caller, is_limited=is_limited)
        except TooManyConnections as error:
            raise TooMany(error.code, error.message) from None
        token = secrets.token_urlsafe(32)
        self._reserved[token] = Reservation(caller, slot)
        asyncio.get_running_loop().call_later(_OPEN_WITHIN_S, self._forget_unopened, token)
        return token

    def find(self, token: str, caller: str) -> Reservation:
        """Find the caller's stream. Raises StreamUnknown."""
        found = self._reserved.get(token)
        if found is None or found.caller != caller:
            raise StreamUnknown
        return found

    async def serve(
        self, token: str, caller: Caller, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Serve a stream that `find` found for its caller and that is not open, to its end."""
        subscriber = Subscriber(self._services, scope)
        subscriber.caller = caller
        stream = OperationStream(subscriber, scope, receive, send)
        self._reserved[token].stream = stream
        try:
            await stream.serve_operations()
        finally:
            self._forget(token)

    def _forget_unopened(self, token: str) -> None:
        found = self._reserved.get(token)
        if found is not None and found.stream is None:
            self._forget(token)

    def _forget(self, token: str) -> None:
        with self._reserved.pop(token).slot:
            pass


class OperationStream(EventStream):
    """One open stream with its operations, by the ids that the client chose."""

    def __init__(self, subscriber: Subscriber, scope: Scope, receive: Receive, send: Send) -> None:
        super().__init__(subscriber, scope, receive, send)
        self._operations: dict[str, asyncio.Task[None]] = {}
        self._cut_off: list[bytes] = []
        self._most = 2 * subscriber.services.settings.subscriptions_per_connection

    async def serve_operations(self) -> None:
        """Serve until either side ends the connection."""
        await self.serve_while(asyncio.Event().wait())

    def check(self, operation_id: str) -> None:
        """Check that an operation may begin. Raises StreamConflict, TooMany."""
        if operation_id in self._operations:
            raise StreamConflict(
                "An operation with this `operationId` is under way. Choose another.",
                "extensions.operationId",
            )
        if len(self._operations) >= self._most and self._subscriber.switches.rate_limiting:
            raise TooMany(
                "TOO_MANY_SUBSCRIPTIONS",
                f"This stream has {self._most} operations under way, which is the maximum.",
            )

    def begin(self, operation_id: str, request: OperationRequest, weight: int) -> None:
        """Run an operation that `check` allowed, whose request weighs `weight`.

        Raises StreamUnknown if the stream ends just now, TooMuchInProgress.
        """
        subscriber, weight = self._subscriber, PER_OPERATION + weight
        weights, key = subscriber.services.limits.weights, subscriber.key
        weights.take(key, weight, is_limited=subscriber.switches.rate_limiting)
        running = self._run(operation_id, request)
        try:
            task = self._tasks.create_task(running)
        except RuntimeError:  # the stream ends, and waits for operations under way
            running.close()
            weights.give_back(key, weight)
            raise StreamUnknown from None
        task.add_done_callback(lambda _: weights.give_back(key, weight))
        self._operations[operation_id] = task

    def end(self, operation_id: str) -> None:
        """End an operation. Nothing happens if there is none: it may just have ended."""
        operation = self._operations.pop(operation_id, None)
        if operation is not None:
            operation.cancel()

    async def _run(self, operation_id: str, request: OperationRequest) -> None:
        """Run an operation to its end. Raises StreamEnded where it ends the connection."""
        this, started = asyncio.current_task(), perf_counter()
        fields: dict[str, Any] = {}
        number = orjson.dumps(operation_id)
        try:
            await self._subscriber.run(request, fields, partial(self._send_next, number))
        except StreamEnded:
            raise
        except asyncio.CancelledError:
            if self._operations.get(operation_id) is this:
                self._cut_off.append(number)
            raise
        except Exception as error:  # noqa: BLE001 - one operation's failure is not the others'
            await self._send(_next(number, refusal(request_id_of(self._scope), error)))
        finally:
            is_ended = self._operations.get(operation_id) is not this
            if not is_ended:
                del self._operations[operation_id]
            write_request("SUBSCRIBE", self._scope["path"], None, perf_counter() - started, fields)
            del this  # a task that was cancelled keeps this frame
        if not is_ended:
            await self._send(b'event: complete\ndata: {"id":%b}\n\n' % number)

    async def _send_next(self, number: bytes, result: Result) -> None:
        await self._send(_next(number, result))

    async def _end(self, ended: StreamEnded) -> None:
        if ended.error is not None and self._cut_off:
            result = refusal(request_id_of(self._scope), ended.error)
            for number in self._cut_off:
                await self._send(_next(number, result))
            await asyncio.sleep(ERROR_READ_S)
        cut(self._scope)


def _next(number: bytes, result: Result) -> bytes:
    return b'event: next\ndata: {"id":%b,"payload":%b}\n\n' % (number, result.body)
