"""GraphQL over streams, one operation a request: server-sent events, or the parts of `multipart/mixed`.

The events are the mode "distinct connections" of graphql-sse. Each result is an event `next`. Only the
last result of an operation is followed by `complete`: clients do not reconnect after it. A stream
that ends before its operation does is cut, so that they do: `docs/subscriptions.md`. Errors of the
operation are results too, because a browser's EventSource cannot read the body of another status.
"""

import asyncio
from collections.abc import Awaitable
from contextlib import suppress
from functools import partial
from math import inf
from time import monotonic

from starlette.types import Receive, Scope, Send

from db.errors import DatabaseError
from graph.delivery.writer import PartsForm
from graph.operation_request import OperationRequest
from web.auth.api_tokens import InvalidCredentials
from web.errors import error_response
from web.http.compression import Coding, PieceCompressor
from web.http.header_fields import by_name
from web.http.media_type import acceptable
from web.http.request_log import log_fields_of, request_id_of
from web.http.server_connection import cut
from web.limits.open_streams import TooManyConnections
from web.protocols.framing import EVENTS, Framing
from web.protocols.outbox import Outbox
from web.protocols.stream_end import (
    COMPLETE,
    ClientGone,
    StreamEnded,
)
from web.protocols.subscriber import Result, Subscriber, refusal
from web.protocols.watched_stream import WatchedStream
from web.services import Services

_KEEP_ALIVE_S = 15.0
"""Seconds between what keeps proxies from closing a quiet stream."""
_RETRY_AFTER_S = "10"
ERROR_READ_S = 0.1
"""Seconds between a last error and the end: graphql-sse hangs when both arrive at once."""
_HEADERS = [
    (b"cache-control", b"no-cache, no-transform"),
    (b"x-accel-buffering", b"no"),  # nginx would hold events back
]


async def serve_event_stream(
    services: Services,
    scope: Scope,
    receive: Receive,
    send: Send,
    request: OperationRequest,
    *,
    framing: Framing,
    coding: Coding | None = None,
) -> None:
    """Answer a request with the results of its operation as they come, each compressed by itself.

    `scope["state"]` has the request's id and the fields of its log line.
    """
    subscriber, request_id = Subscriber(services, scope), request_id_of(scope)
    try:
        await subscriber.identify()
        slot = services.open_streams.stream(
            subscriber.key, is_limited=subscriber.switches.rate_limiting
        )
    except InvalidCredentials as error:
        response = error_response(
            401, "UNAUTHENTICATED", str(error), {"www-authenticate": "Bearer"}, request_id
        )
    except TooManyConnections as error:
        response = error_response(
            429, error.code, error.message, {"retry-after": _RETRY_AFTER_S}, request_id
        )
    except DatabaseError as error:
        response = error_response(
            503, error.code, error.public_message, {"retry-after": "1"}, request_id
        )
    else:
        with slot:
            stream = EventStream(subscriber, scope, receive, send, framing=framing, coding=coding)
            await stream.serve(request)
        return
    await response(scope, receive, send)


class EventStream(WatchedStream):
    """One event stream, of an identified client."""

    def __init__(
        self,
        subscriber: Subscriber,
        scope: Scope,
        receive: Receive,
        send: Send,
        *,
        framing: Framing = EVENTS,
        coding: Coding | None = None,
    ) -> None:
        super().__init__(subscriber)
        self._framing, self._scope = framing, scope
        self._quiet_until = monotonic() + _KEEP_ALIVE_S
        self._receive, self._asgi_send = receive, send
        self._outbox = Outbox(subscriber)
        self._compressor = PieceCompressor(coding) if coding is not None else None
        self._headers = [
            (b"content-type", framing.media_type),
            *_HEADERS,
            *([(b"content-encoding", coding.encode())] if coding else ()),
        ]

    async def serve(self, request: OperationRequest) -> None:
        """Serve the results of one operation."""
        await self.serve_while(self._send_results(request))

    async def charge_refusal(self, size: int) -> None:
        """Charge a request of `size` bytes that names no document. Raises BudgetExhausted."""
        await self._subscriber.charge_refusal(size)

    async def serve_while(self, work: Awaitable[object]) -> None:
        """Keep the stream open until `work` is done or either side ends it.

        Raises StreamEnded.
        """
        rounds = self._subscriber.services.open_streams.rounds
        await self._asgi_send(
            {"type": "http.response.start", "status": 200, "headers": self._headers}
        )
        try:
            if self._framing.opening:
                await self._send(self._framing.opening)
            async with self._tasks:
                self._tasks.create_task(self._listen())
                self._subscriber.begin_watch()
                rounds.enter(self)
                await work
                raise StreamEnded(COMPLETE, "complete")
        except ClientGone as gone:
            log_fields_of(self._scope).update(ended=gone.reason)
        except StreamEnded as ended:
            log_fields_of(self._scope).update(ended=ended.reason)
            with suppress(StreamEnded):
                await self._end(ended)
        finally:
            rounds.leave(self)

    async def _end(self, ended: StreamEnded) -> None:
        """End the response. Raises StreamEnded if the client is gone or does not read."""
        if ended.code == COMPLETE:
            await self._send(self._framing.complete, is_last=True)
            return
        if ended.error is not None:
            result = refusal(request_id_of(self._scope), ended.error)
            await self._send(self._framing.last_error(result))
            await asyncio.sleep(ERROR_READ_S)
        cut(self._scope)

    async def _send_results(self, request: OperationRequest) -> None:
        form = acceptable(by_name(self._scope["headers"]).get(b"accept")).stream_parts
        fields = log_fields_of(self._scope)
        await self._subscriber.run(request, fields, self._send_result, form or PartsForm.BY_ID)

    async def _send_result(self, result: Result) -> None:
        await self._send(self._framing.event(result))

    async def _listen(self) -> None:
        """Wait until the client is gone. Always raises ClientGone."""
        while (await self._receive())["type"] != "http.disconnect":
            pass
        raise ClientGone

    def _look_further(self, now: float) -> float:
        if now >= self._quiet_until:
            self._quiet_until = inf  # until it is sent
            self._tasks.create_beside(self._keep_alive())
        return self._quiet_until

    async def _keep_alive(self) -> None:
        await self._send(self._framing.quiet)
        self._quiet_until = monotonic() + _KEEP_ALIVE_S
        self.look_at = 0.0

    async def _send(self, event: bytes, *, is_last: bool = False) -> None:
        """Send an event in order; wait while the client does not read. Raises StreamEnded."""
        await self._outbox.send(len(event), partial(self._write, event, is_last=is_last))

    async def _write(self, event: bytes, *, is_last: bool) -> None:
        if self._compressor is not None:
            event = await self._compressor.compress(event, is_last=is_last)
        await self._asgi_send(
            {"type": "http.response.body", "body": event, "more_body": not is_last}
        )
