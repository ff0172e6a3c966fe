"""Credentials under names that are not read, so that their senders are signed out."""

import re
from collections.abc import Iterable

_NAME = re.compile(
    rb"(?:x-)?(?:(?:api|auth|access|private|pacegraph)[-_]?(?:key|token)|token|authorization)"
)


def unread_credential(headers: Iterable[bytes]) -> str | None:
    """Find the name, in lower case, of a header field that seems to have a credential, or None."""
    for name in headers:
        if name != b"authorization" and _NAME.fullmatch(name):
            return name.decode("ascii")
    return None
