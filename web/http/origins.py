"""Which sites may call: what the browser says about where a request comes from, and what CORS answers to that.

A cookie goes with whatever a page makes the browser send, so a request that another site caused must not be taken for
the signed-in person's own: neither by POST or GET, nor by a WebSocket's handshake, which CORS does not govern.
"""

import re
from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

from settings import InvalidSettings, Settings

Headers = list[tuple[bytes, bytes]]

_ANY = "*"
_DEFAULT_PORTS = {"http": 80, "https": 443}
_HOST = re.compile(r"[a-z0-9._-]+|[0-9a-f:.]+")
_OF_ANOTHER_SITE = frozenset({b"cross-site", b"same-site"})
_ALLOWED_METHODS = b"GET, POST"
_ALLOWED_HEADERS = b"accept, authorization, content-type, graphql-cost, x-request-id"
_HEADER_NAMES = re.compile(rb"[a-z0-9-]+(, ?[a-z0-9-]+){0,49}")
_EXPOSED_HEADERS = b"age, ratelimit, ratelimit-policy, retry-after, x-request-id"
_PREFLIGHT_S = b"7200"
"""How long a browser may remember a preflight's answer; Chromium takes no more than two hours."""


class Origins:
    """The origins that may call with a browser's session: our own, and those of CORS_ORIGINS.

    `*` as the only one of CORS_ORIGINS lets every page call, as nobody: without cookies.
    """

    def __init__(self, settings: Settings) -> None:
        own = origin_of(settings.url)
        self._is_https = own.startswith("https://")
        self._allows_any = settings.cors_origins == (_ANY,)
        others = () if self._allows_any else _checked(settings.cors_origins)
        self._others = frozenset(each.encode() for each in others)
        self._trusted = self._others | {own.encode()}
        self._open_headers: Headers = [
            (b"access-control-allow-origin", b"*"), (b"access-control-expose-headers", _EXPOSED_HEADERS),
        ]  # fmt: skip
        self.varies = bool(self._others)
        """Whether answers depend on the request's `Origin`."""

    def is_foreign(self, headers: Mapping[bytes, bytes]) -> bool:
        """Tell whether a browser sent this for a page of a site that may not use its session.

        Programs send neither `Origin` nor `Sec-Fetch-Site`; a browser sends one of them at least with all that a page
        of another site can cause.
        """
        origin = headers.get(b"origin")
        if origin is None:
            return headers.get(b"sec-fetch-site") in _OF_ANOTHER_SITE
        return origin not in self._trusted and not self._is_same(origin, headers.get(b"host", b""))

    def _is_same(self, origin: bytes, host: bytes) -> bool:
        """Tell whether a page calls the very host it came from, whatever name that goes by (localhost, 127.0.0.1)."""
        scheme, _, rest = origin.lower().partition(b"://")
        return rest == host.lower() and scheme in ((b"https",) if self._is_https else (b"http", b"https"))

    def cors(self, headers: Mapping[bytes, bytes]) -> Headers:
        """Make the headers that let the calling page read the answer: none where it may not, or need not ask."""
        origin = headers.get(b"origin")
        if origin is None:
            return []
        if self._allows_any:
            return self._open_headers
        if origin not in self._others:
            return []
        return [
            (b"access-control-allow-origin", origin),
            (b"access-control-allow-credentials", b"true"),
            (b"access-control-expose-headers", _EXPOSED_HEADERS),
        ]

    def preflight(self, headers: Mapping[bytes, bytes]) -> Headers:
        """Make the headers that tell a browser, besides `cors`, what the page may send: none where it may not."""
        if not self.cors(headers) or b"access-control-request-method" not in headers:
            return []
        return [
            (b"access-control-allow-methods", _ALLOWED_METHODS),
            (b"access-control-allow-headers", _allowed_headers(headers.get(b"access-control-request-headers", b""))),
            (b"access-control-max-age", _PREFLIGHT_S),
        ]


def _allowed_headers(asked: bytes) -> bytes:
    """Allow ours, and those asked for: frontends add their own, as for tracing, and one not allowed stops the call.

    What is allowed is who may call: a page that may can do no more by a header than by the query.
    """
    return b"%b, %b" % (_ALLOWED_HEADERS, asked) if _HEADER_NAMES.fullmatch(asked) else _ALLOWED_HEADERS


def origin_of(url: str) -> str:
    """Get a URL's origin as browsers write it: small letters, no default port. Raises ValueError for what has none."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme not in _DEFAULT_PORTS or parts.username is not None or not _HOST.fullmatch(host):
        raise ValueError
    port = "" if parts.port in {None, _DEFAULT_PORTS[parts.scheme]} else f":{parts.port}"
    return f"{parts.scheme}://{f'[{host}]' if ':' in host else host}{port}"


def _checked(origins: Iterable[str]) -> list[str]:
    """Check that each is an origin and nothing more. Raises InvalidSettings naming the one that is not."""
    checked = []
    for each in origins:
        try:
            origin = origin_of(each)
        except ValueError:
            origin = ""
        rest = each.lower().removeprefix(origin) if origin else each
        if not origin or urlsplit(each).path.strip("/") or "?" in rest or "#" in rest:
            raise InvalidSettings(
                f"CORS_ORIGINS: {each!r} is not an origin. Write https://app.example, with a port where it has one "
                "and no path; or * alone, for calls without the browser's session"
            )
        checked.append(origin)
    return checked
