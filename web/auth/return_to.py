"""Where a browser goes after signing in: a path of this server, or a page of an allowed origin.

Anything else would make the server an open redirect: a link to it that leads to another's page.
"""

import re
from urllib.parse import urlsplit

from graph.errors import InvalidArgument
from web.http.origins import Origins, origin_of

_TEXT = re.compile(r"[!-\[\]-~]{1,500}")
"""Printable ASCII without space and backslash, which browsers read as a slash."""


def checked_return_to(origins: Origins, wanted: str, field: str) -> str:
    """Check an address to return to, and write it so that browsers read it as it is read here.

    Raises InvalidArgument naming `field`.
    """
    found = _own_path(wanted) or _page(origins, wanted) if _TEXT.fullmatch(wanted) else None
    if found is None:
        raise InvalidArgument(
            field,
            "is no address to return to. Pass a path of this server, such as /graphiql, or the "
            "whole address of a page whose origin is in CORS_ORIGINS: at most 500 characters, "
            "percent-encoded.",
        )
    return found


def _own_path(wanted: str) -> str | None:
    """Get a path of this server. None: it is none, such as //app.example, which names a host."""
    return wanted if wanted.startswith("/") and not wanted.startswith("//") else None


def _page(origins: Origins, wanted: str) -> str | None:
    try:
        origin, parts = origin_of(wanted), urlsplit(wanted)
    except ValueError:
        return None
    if not origins.may_use_session(origin):
        return None
    query = f"?{parts.query}" if parts.query else ""
    fragment = f"#{parts.fragment}" if parts.fragment else ""
    return f"{origin}{parts.path or '/'}{query}{fragment}"
