"""How the results of a stream are written over HTTP: as server-sent events, or as parts.

`MULTIPART` is Apollo's multipart subscription protocol, which Apollo Client's `HttpLink` and Apollo's
adapters for urql and Relay read.
https://www.apollographql.com/docs/graphos/routing/operations/subscriptions/multipart-protocol
"""

from collections.abc import Callable
from dataclasses import dataclass

from web.protocols.subscriber import Result


@dataclass(frozen=True, slots=True)
class Framing:
    """How a stream is written.

    `opening` stands before all, `quiet` keeps proxies from closing a quiet stream, `last_error` writes
    what ends the connection although the operation goes on, and `complete` is the end of it.
    """

    media_type: bytes
    opening: bytes
    quiet: bytes
    complete: bytes
    event: Callable[[Result], bytes]
    last_error: Callable[[Result], bytes]


def _event(result: Result) -> bytes:
    of_id = b"" if result.event_id is None else b"id: %b\n" % result.event_id.encode()
    return b"event: next\n%bdata: %b\n\n" % (of_id, result.body)


def _part(body: bytes) -> bytes:
    """Write a part, and what ends it: clients read it when they see that."""
    return b"\r\ncontent-type: application/json; charset=utf-8\r\n\r\n%b%b" % (body, _BOUNDARY)


_BOUNDARY = b"\r\n--graphql"

EVENTS = Framing(
    media_type=b"text/event-stream; charset=utf-8",
    opening=b"",
    quiet=b":\n\n",
    complete=b"event: complete\ndata:\n\n",
    event=_event,
    last_error=_event,
)
MULTIPART = Framing(
    media_type=b'multipart/mixed; boundary="graphql"; subscriptionSpec="1.0"',
    opening=_BOUNDARY,
    quiet=_part(b"{}"),
    complete=b"--\r\n",
    event=lambda result: _part(b'{"payload":%b}' % result.body),
    # {"errors": …} beside no payload
    last_error=lambda result: _part(b'{"payload":null,%b' % result.body.removeprefix(b"{")),
)
