"""Reads a request's header fields: by name, their parts, cookies, and the host."""

import re
from collections.abc import Iterable, Sequence

_COOKIE = b"cookie"
_MAX_HOST_BYTES = 500
_HOST = re.compile(rb"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~%!$&'()*+,;=-]*)(?::[0-9]*)?")


def by_name(fields: Sequence[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    """Map each name to its value. Repeated fields are joined, in order.

    So lists (`Accept`) are complete, and a field with one value (`Authorization`) that is sent
    twice becomes invalid; none of the two is picked.
    """
    found = dict(fields)
    if len(found) == len(fields):
        return found
    found.clear()
    for name, value in fields:
        found[name] = (
            (b"; " if name == _COOKIE else b", ").join((found[name], value))
            if name in found
            else value
        )
    return found


def cookies_of(fields: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Map the names of cookies to their values, as they were sent; the last of a name counts.

    Nothing is unquoted, and no cookie of ours needs it. Starlette unquotes by Python's
    `http.cookies`, which takes minutes for a head full of backslashes in Python below 3.11.10 and
    3.12.6 (CVE-2024-7592).
    """
    found: dict[str, str] = {}
    for field, value in fields:
        if field == _COOKIE:
            for each in value.decode("latin-1").split(";"):
                name, equals, text = each.partition("=")
                if equals:
                    found[name.strip()] = text.strip()
    return found


def parts_of(fields: Sequence[tuple[bytes, bytes]]) -> int:
    """Count the commas and semicolons of fields' values."""
    return sum(value.count(b",") + value.count(b";") for _, value in fields)


def require_host(hosts: int, host: bytes, http_version: str) -> None:
    """Raise ValueError unless there is one valid Host; HTTP/1.0 needs none."""
    if not hosts and http_version == "1.0":
        return
    if hosts != 1 or not is_valid_host(host):
        raise ValueError("a request has one valid Host (RFC 9112, section 3.2)")


def is_valid_host(host: bytes) -> bool:
    """Tell whether a `Host` is one: a name or address, with a port or without."""
    return len(host) <= _MAX_HOST_BYTES and _HOST.fullmatch(host) is not None
