"""Whether streams come through the proxy, as they are written; and over HTTP/2."""

import json
import socket
import ssl
import time
from urllib.parse import urlsplit

import httpx
from websockets.exceptions import WebSocketException
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from operator_commands.checks.failure import CheckFailed, first_line
from operator_commands.checks.proxy import PATIENCE_S, Proxy

_AT_ONCE_S = 2.0
_STREAM = "/graphql/stream"
_PROTOCOL = Subprotocol("graphql-transport-ws")
_TOKEN = "X-GraphQL-Event-Stream-Token"  # noqa: S105 - the name of a header
_ASKED = {"query": "{ __typename }", "extensions": {"operationId": "doctor"}}
_GATHERED = (
    "Let the proxy not buffer answers of /graphql and /graphql/stream (the API asks for it by "
    "X-Accel-Buffering: no)"
)


def check_events(proxy: Proxy) -> str:
    """Whether an event comes while its stream is open, not when it ends. Raises CheckFailed."""
    reserved = proxy.ask("PUT", _STREAM)
    if not reserved.is_success:
        raise CheckFailed(
            f"PUT {_STREAM} is answered {reserved.status_code}. Pass on PUT and DELETE"
        )
    headers = {_TOKEN: reserved.text}
    timeout = httpx.Timeout(PATIENCE_S, read=_AT_ONCE_S)
    accepts = {"accept": "text/event-stream"}
    try:
        with httpx.stream(
            "GET", proxy.url + _STREAM, headers=headers | accepts, timeout=timeout
        ) as stream:
            if not stream.is_success:
                raise CheckFailed(f"GET {_STREAM} is answered {stream.status_code}")
            began = time.monotonic()
            told = proxy.ask("POST", _STREAM, json=_ASKED, headers=headers)
            if not told.is_success:
                raise CheckFailed(f"POST {_STREAM} is answered {told.status_code}")
            for line in stream.iter_lines():
                if line.startswith("data:") and "__typename" in line:
                    return f"events come after {1000 * (time.monotonic() - began):.0f} ms"
    except httpx.ReadTimeout:
        raise CheckFailed(f"no event came within {_AT_ONCE_S:g} s. {_GATHERED}") from None
    except httpx.HTTPError as error:
        raise CheckFailed(f"the event stream broke off ({first_line(error)})") from None
    raise CheckFailed(f"the event stream ended without an event. {_GATHERED}")


def check_web_sockets(proxy: Proxy) -> str:
    """Whether an operation runs over a WebSocket. Raises CheckFailed."""
    url = f"ws{proxy.url.removeprefix('http')}/graphql"
    asked = {"id": "1", "type": "subscribe", "payload": {"query": "{ __typename }"}}
    try:
        with connect(url, subprotocols=[_PROTOCOL], open_timeout=PATIENCE_S) as ws:
            for message in ({"type": "connection_init"}, asked):
                ws.send(json.dumps(message))
            kinds = [json.loads(ws.recv(_AT_ONCE_S))["type"] for _ in range(2)]
    except (WebSocketException, OSError, LookupError, TypeError, ValueError) as error:
        raise CheckFailed(
            f"{url} does not open ({first_line(error)}). Pass Upgrade and Connection on, and "
            "Sec-WebSocket-Protocol"
        ) from None
    if kinds != ["connection_ack", "next"]:
        raise CheckFailed(f"{url} answers {' and '.join(kinds)}")
    return "graphql-transport-ws answers"


def check_http2(proxy: Proxy) -> str:
    """Whether clients may use HTTP/2; without it browsers open six connections at most.

    Raises CheckFailed.
    """
    if not proxy.is_secure:
        return "not without TLS: browsers open six connections at most"
    parts = urlsplit(proxy.url)
    context = ssl.create_default_context()
    context.set_alpn_protocols(["h2", "http/1.1"])
    try:
        with (
            socket.create_connection((parts.hostname or "", parts.port or 443), PATIENCE_S) as raw,
            context.wrap_socket(raw, server_hostname=parts.hostname) as secured,
        ):
            chosen = secured.selected_alpn_protocol()
    except (OSError, ssl.SSLError) as error:
        raise CheckFailed(f"TLS fails ({first_line(error)}). See the proxy's certificate") from None
    if chosen != "h2":
        raise CheckFailed(
            f"the proxy speaks {chosen or 'HTTP/1.1'} only, so browsers open six connections at "
            "most, and event streams take them. Turn HTTP/2 on"
        )
    return "HTTP/2"
