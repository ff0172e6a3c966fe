"""GraphQL over server-sent events, one operation a request: graphql-sse's "distinct connections" mode.

Each result is an event `next`, and `complete` is the last. What is wrong with the operation comes as a result, too: a
browser's EventSource cannot read the body of another status.
"""

import asyncio
from contextlib import aclosing

from starlette.types import Receive, Scope, Send

from db.errors import DatabaseError
from graph.execution import OperationRequest
from web.connections import TooManyConnections
from web.errors import error_response
from web.identity import InvalidCredentials
from web.request_log import log_fields_of, request_id_of
from web.services import Services
from web.streams import TRY_AGAIN_LATER, ClientGone, Result, StreamEnded, Subscriber, refusal, stream_tasks

_KEEP_ALIVE_S = 15.0
"""Seconds between two comments, which keep proxies from taking a quiet stream for a dead one."""
_RETRY_AFTER_S = "10"
_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache, no-transform"),
    (b"x-accel-buffering", b"no"),  # nginx would hold events back
]
_COMPLETE = b"event: complete\ndata:\n\n"


async def serve_event_stream(
    services: Services, scope: Scope, receive: Receive, send: Send, request: OperationRequest
) -> None:
    """Answer a request, whose body was read, with its results as they come.

    `scope["state"]` has the request's id and the fields of its log line.
    """
    subscriber, request_id = Subscriber(services, scope), request_id_of(scope)
    try:
        await subscriber.identify()
        place = services.connections.stream(subscriber.key, is_limited=subscriber.switches.rate_limiting)
    except InvalidCredentials as error:
        response = error_response(401, "UNAUTHENTICATED", str(error), {"www-authenticate": "Bearer"}, request_id)
    except TooManyConnections as error:
        response = error_response(429, error.code, error.message, {"retry-after": _RETRY_AFTER_S}, request_id)
    except DatabaseError as error:
        response = error_response(503, error.code, error.public_message, {"retry-after": "1"}, request_id)
    else:
        with place:
            await _EventStream(subscriber, scope, receive, send).serve(request)
        return
    await response(scope, receive, send)


class _EventStream:
    """One stream, whose client may be served."""

    def __init__(self, subscriber: Subscriber, scope: Scope, receive: Receive, send: Send) -> None:
        self._send_timeout_s = subscriber.services.settings.subscription_send_timeout_s
        self._subscriber, self._scope = subscriber, scope
        self._receive, self._asgi_send = receive, send
        self._sending = asyncio.Lock()

    async def serve(self, request: OperationRequest) -> None:
        await self._asgi_send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
        try:
            async with stream_tasks() as tasks:
                for each in (self._listen(), self._keep_alive(), self._subscriber.watch()):
                    tasks.create_task(each)
                await self._send_results(request)
                raise StreamEnded(0, "complete")
        except ClientGone as gone:
            log_fields_of(self._scope).update(ended=gone.reason)
        except StreamEnded as ended:
            log_fields_of(self._scope).update(ended=ended.reason)
            if ended.code != TRY_AGAIN_LATER:
                await self._end(ended)

    async def _end(self, ended: StreamEnded) -> None:
        last = _COMPLETE
        if ended.error is not None:
            last = _event(refusal(request_id_of(self._scope), ended.error)) + last
        try:
            await self._send(last)
            await self._asgi_send({"type": "http.response.body", "body": b"", "more_body": False})
        except StreamEnded:
            return

    async def _send_results(self, request: OperationRequest) -> None:
        async with aclosing(self._subscriber.results(request, log_fields_of(self._scope))) as results:
            async for result in results:
                await self._send(_event(result))
                if result.is_refusal:
                    return

    async def _listen(self) -> None:
        """Wait until the client is gone. Raises ClientGone, always."""
        while (await self._receive())["type"] != "http.disconnect":
            pass
        raise ClientGone

    async def _keep_alive(self) -> None:
        while True:
            await asyncio.sleep(_KEEP_ALIVE_S)
            await self._send(b":\n\n")

    async def _send(self, event: bytes) -> None:
        """Send an event, after those before it; it waits while the client does not read. Raises StreamEnded."""
        try:
            async with self._sending, asyncio.timeout(self._send_timeout_s):
                await self._asgi_send({"type": "http.response.body", "body": event, "more_body": True})
        except TimeoutError as error:
            raise StreamEnded(TRY_AGAIN_LATER, "the client does not read what it asked for") from error
        except OSError as error:
            raise ClientGone from error


def _event(result: Result) -> bytes:
    return b"event: next\ndata: %b\n\n" % result.body
