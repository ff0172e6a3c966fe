"""Headers and parameters of requests to Strava."""

import re
from base64 import b64encode
from datetime import datetime
from urllib.parse import urlsplit

from pydantic import SecretStr

from runtime.tracing import NO_SPAN, Span, SpanKind, is_on, span
from strava.errors import StravaUnauthorized

_NUMBER = re.compile(r"(?<=/)[bg]?\d+(?=/|$)")
"""An id in a path. Those of gear begin with a letter."""


def bearer(access_token: SecretStr) -> dict[str, str]:
    """The header.

    Raises StravaUnauthorized for what no header can carry, for the client's own error would show it.
    """
    token = access_token.get_secret_value()
    if not token or not token.isascii() or not token.isprintable():
        raise StravaUnauthorized("access token")
    return {"Authorization": f"Bearer {token}"}


def basic(name: str, secret: SecretStr) -> dict[str, str]:
    """The header of a name and a secret."""
    told = b64encode(f"{name}:{secret.get_secret_value()}".encode()).decode()
    return {"Authorization": f"Basic {told}"}


def epochs(**moments: datetime | None) -> dict[str, int]:
    """Seconds since 1970, as Strava's parameters want them.

    Raises ValueError for a time without a zone.
    """
    if any(moment and moment.tzinfo is None for moment in moments.values()):
        raise ValueError("a time without a zone is not an instant")
    return {name: int(moment.timestamp()) for name, moment in moments.items() if moment}


def traced(method: str, url: str) -> Span:
    """Make the step of a trace that a request is. Its path names no athlete or activity."""
    if not is_on():
        return NO_SPAN
    parts = urlsplit(url)
    attributes = {
        "http.request.method": method,
        "server.address": parts.hostname,
        "url.template": _NUMBER.sub("{id}", parts.path),
    }
    return span(f"{method} Strava", SpanKind.CLIENT, attributes)
