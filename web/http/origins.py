"""Decides which sites' pages may call the API, and answers CORS.

A browser sends the cookie with any request that a page causes. So a request caused by another site
must not count as the signed-in user's: no POST, no GET, and no WebSocket handshake, which CORS does
not cover.
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
_ALLOWED_METHODS = {"off": b"GET, POST", "on": b"GET, POST, QUERY"}
"""By HTTP_QUERY."""
_ALLOWED_HEADERS = b"accept, authorization, content-type, graphql-cost, x-request-id"
_HEADER_NAMES = re.compile(rb"[a-z0-9-]+(, ?[a-z0-9-]+){0,49}")
_EXPOSED_HEADERS = (
    b"accept-query, age, ratelimit, ratelimit-policy, retry-after, tus-resumable, upload-expires, "
    b"upload-length, upload-offset, x-request-id"
)
_PREFLIGHT_S = b"7200"
"""Seconds that a browser may cache a preflight; Chromium caps it at two hours."""


class Origins:
    """The origins that may use a browser's session: our own, and those of CORS_ORIGINS.

    If CORS_ORIGINS is `*`, every page may call, but without cookies.
    """

    def __init__(self, settings: Settings) -> None:
        own = origin_of(settings.url)
        self._allowed_methods = _ALLOWED_METHODS[settings.http_query]
        self._is_https = own.startswith("https://")
        self._allows_any = settings.cors_origins == (_ANY,)
        others = () if self._allows_any else _checked(settings.cors_origins)
        self._others = frozenset(each.encode() for each in others)
        self._trusted = self._others | {own.encode()}
        self._open_headers: Headers = [
            (b"access-control-allow-origin", b"*"), (b"access-control-expose-headers", _EXPOSED_HEADERS),
        ]  # fmt: skip
        self.varies = bool(self._others)
        """Whether responses depend on the request's `Origin`."""

    def is_foreign(self, headers: Mapping[bytes, bytes]) -> bool:
        """Tell whether a browser sent this for a page that may not use its session.

        Programs send neither `Origin` nor `Sec-Fetch-Site`. A browser sends at least one of them
        with every request that another site's page can cause.
        """
        origin = headers.get(b"origin")
        if origin is None:
            return headers.get(b"sec-fetch-site") in _OF_ANOTHER_SITE
        return origin not in self._trusted and not self._is_same(origin, headers.get(b"host", b""))

    def may_use_session(self, origin: str) -> bool:
        """Tell whether pages of `origin`, as browsers write it, may use a browser's session."""
        return origin.encode() in self._trusted

    def _is_same(self, origin: bytes, host: bytes) -> bool:
        """Tell whether a page calls the host it came from, by any name (localhost, 127.0.0.1)."""
        scheme, _, rest = origin.lower().partition(b"://")
        return rest == host.lower() and scheme in (
            (b"https",) if self._is_https else (b"http", b"https")
        )

    def cors(self, headers: Mapping[bytes, bytes]) -> Headers:
        """Make the headers that let the page read the response; none if it may not or needs none."""
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

    def preflight(self, headers: Mapping[bytes, bytes], *, methods: bytes | None = None) -> Headers:
        """Make a preflight's headers, `cors` included; none if the page may not call."""
        if not self.cors(headers) or b"access-control-request-method" not in headers:
            return []
        return [
            (b"access-control-allow-methods", methods or self._allowed_methods),
            (
                b"access-control-allow-headers",
                _allowed_headers(headers.get(b"access-control-request-headers", b"")),
            ),
            (b"access-control-max-age", _PREFLIGHT_S),
        ]


def _allowed_headers(asked: bytes) -> bytes:
    """Allow our headers and all requested ones.

    Frontends add headers, such as tracing, and a refused one blocks the call. CORS decides which
    pages may call; a header gives such a page no more power than the query.
    """
    return (
        b"%b, %b" % (_ALLOWED_HEADERS, asked)
        if _HEADER_NAMES.fullmatch(asked)
        else _ALLOWED_HEADERS
    )


def origin_of(url: str) -> str:
    """Get a URL's origin as browsers write it: lower case, no default port. Raises ValueError."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if (
        parts.scheme not in _DEFAULT_PORTS
        or parts.username is not None
        or not _HOST.fullmatch(host)
    ):
        raise ValueError
    port = "" if parts.port in {None, _DEFAULT_PORTS[parts.scheme]} else f":{parts.port}"
    return f"{parts.scheme}://{f'[{host}]' if ':' in host else host}{port}"


def _checked(origins: Iterable[str]) -> list[str]:
    """Check that each is just an origin. Raises InvalidSettings naming the invalid one."""
    checked = []
    for each in origins:
        try:
            origin = origin_of(each)
        except ValueError:
            origin = ""
        rest = each.lower().removeprefix(origin) if origin else each
        if not origin or urlsplit(each).path.strip("/") or "?" in rest or "#" in rest:
            raise InvalidSettings(
                f"CORS_ORIGINS: {each!r} is not an origin. Write one like https://app.example, "
                "with a port if it has one and without a path; or only * for calls without the "
                "browser's session"
            )
        checked.append(origin)
    return checked
