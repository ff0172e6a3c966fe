"""What a connection that met a bound is answered before it is closed, byte by byte."""

from functools import cache

from web.errors import error_body


def _refusal(status: str, body: bytes = b"", more_headers: bytes = b"") -> bytes:
    return b"HTTP/1.1 %b\r\nconnection: close\r\n%bcontent-length: %d\r\n\r\n%b" % (
        status.encode(), more_headers, len(body), body
    )  # fmt: skip


_JSON = b"content-type: application/json\r\n"
_LATER = _JSON + b"retry-after: 1\r\n"
TOO_LARGE = _refusal("431 Request Header Fields Too Large")
TARGET_TOO_LONG = _refusal("414 URI Too Long")
TOO_SLOW = _refusal("408 Request Timeout")


@cache
def malformed() -> bytes:
    """Refuse what is no request, or not framed as one."""
    return _refusal(
        "400 Bad Request",
        error_body(
            "BAD_REQUEST",
            "This is no valid HTTP/1.1 request: its head or the framing of its body is broken, or "
            "it does not have exactly one valid `Host`. Look at the client or proxy that sent it.",
        ),
        _JSON,
    )


@cache
def too_many() -> bytes:
    """Refuse one more connection of an address."""
    return _refusal(
        "429 Too Many Requests",
        error_body(
            "TOO_MANY_CONNECTIONS",
            "Your address has the maximum of open connections (CONNECTIONS_PER_ADDRESS), or opens "
            "them too fast. Close one first, or send several requests over one.",
        ),
        _LATER,
    )


@cache
def too_much() -> bytes:
    """Refuse a request, because an address has too many bytes in others."""
    return _refusal(
        "429 Too Many Requests",
        error_body(
            "RATE_LIMITED",
            "Your address has too many bytes in requests that are not complete or not answered "
            "yet. Wait for answers before you send more.",
        ),
        _LATER,
    )
