"""Where a sign-in comes back to: a page of this server or of an origin that may use its session."""

import re
from urllib.parse import urlsplit

from web.http.origins import Origins, origin_of

MAX_CHARACTERS = 500
_PRINTED = re.compile(r"[!-\[\]-~]+")
"""No space, no control character and no backslash, which browsers read as a slash."""


def is_own_or_allowed(address: str, origins: Origins) -> bool:
    """Tell whether `address` is a path of this server, or an address on an allowed origin.

    A path begins with one slash: two would name another host.
    """
    if len(address) > MAX_CHARACTERS or not _PRINTED.fullmatch(address):
        return False
    if address.startswith("/"):
        return not address.startswith("//")
    try:
        parts = urlsplit(address)
        return origins.may_use_session(origin_of(address)) and parts.password is None
    except ValueError:
        return False
