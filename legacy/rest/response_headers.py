"""Adds the headers `Deprecation`, `Sunset` and `Link` to every response of the older routes.

They are defined in RFC 9745, RFC 8594 and RFC 8288; the dates are settings. Errors, including those
of limits and the router, get a `detail` beside `errors`, as in the older service.
"""

from datetime import UTC, date, datetime, time
from email.utils import format_datetime
from typing import Any

import orjson
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from settings import Settings
from web.http.origins import Origins
from web.http.security_headers import Headers

_TREES = ("/v1", "/strava/sync", "/feedback", "/health")
_EXPOSED = b", deprecation, link, sunset"
_EXPOSE = b"access-control-expose-headers"
_LINK = b"link"
_FIRST_ERROR = 400
_UNAUTHORIZED = 401


class LegacyAnswers:
    """ASGI middleware, outside of everything else that answers."""

    def __init__(self, app: ASGIApp, settings: Settings, origins: Origins) -> None:
        self._app, self._origins = app, origins
        self._own: Headers = [
            (b"deprecation", b"@%d" % _midnight(settings.legacy_deprecated_on).timestamp()),
            (
                b"sunset",
                format_datetime(_midnight(settings.legacy_sunset_on), usegmt=True).encode(),
            ),
        ]
        self._links = _links(settings.url)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not is_legacy(scope["path"]):
            await self._app(scope, receive, send)
            return
        await self._app(
            scope, receive, _Sending(send, self._links, [*self._own, *self._cors(scope)])
        )

    def _cors(self, scope: Scope) -> Headers:
        headers = dict(scope["headers"])
        return [
            (name, value + _EXPOSED if name == _EXPOSE else value)
            for name, value in self._origins.cors(headers)
        ]


class _Sending:
    """Sends a response with `links` and `headers`. An error's body is collected first."""

    def __init__(self, send: Send, links: bytes, headers: Headers) -> None:
        self._send, self._links, self._headers = send, links, headers
        self._error: Message | None = None
        self._body = b""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            await self._start(message)
        elif self._error is None:
            await self._send(message)
        else:
            self._body += message.get("body", b"")
            if not message.get("more_body"):
                await self._end(self._error)

    async def _start(self, message: Message) -> None:
        given = message["headers"]
        replaced = {_LINK, *(name for name, _ in self._headers)}
        links = b", ".join([*(value for name, value in given if name == _LINK), self._links])
        kept = [each for each in given if each[0] not in replaced]
        message["headers"] = [*kept, (_LINK, links), *self._headers]
        if message["status"] < _FIRST_ERROR:
            await self._send(message)
        else:
            self._error = message

    async def _end(self, start: Message) -> None:
        body = _with_detail(self._body)
        headers = [each for each in start["headers"] if each[0] != b"content-length"]
        if start["status"] == _UNAUTHORIZED and not any(
            name == b"www-authenticate" for name, _ in headers
        ):
            headers.append((b"www-authenticate", b"Bearer"))
        await self._send({**start, "headers": [*headers, (b"content-length", b"%d" % len(body))]})
        await self._send({"type": "http.response.body", "body": body})


def is_legacy(path: str) -> bool:
    """Whether a path belongs to the older service."""
    return any(path == tree or path.startswith(f"{tree}/") for tree in _TREES)


def _with_detail(body: bytes) -> bytes:
    try:
        said: Any = orjson.loads(body)
    except orjson.JSONDecodeError:
        return body
    if not isinstance(said, dict) or "detail" in said or not said.get("errors"):
        return body
    return orjson.dumps({**said, "detail": said["errors"][0]["message"]})


def _links(url: str) -> bytes:
    links = {"deprecation": "/docs", "sunset": "/docs", "successor-version": "/graphql"}
    return ", ".join(
        f'<{url}{path}>; rel="{relation}"' for relation, path in links.items()
    ).encode()


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
