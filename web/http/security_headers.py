"""Headers that tell browsers to load, embed, guess and keep nothing else."""

from starlette.types import Message, Send

from settings import Settings

Headers = list[tuple[bytes, bytes]]

NO_STORE = (b"cache-control", b"no-store")
_HTTPS_S = 365 * 86_400
_OF_ANYTHING: Headers = [
    (b"x-content-type-options", b"nosniff"),
    (b"cross-origin-resource-policy", b"same-origin"),
]
_OF_PAGES: Headers = [
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (
        b"permissions-policy",
        b"camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
    ),
]
_NOTHING_LOADS = (
    b"content-security-policy",
    b"default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox",
)


def data_headers(settings: Settings) -> Headers:
    """Make the headers of data, which no browser shows as a page. They are few: each costs time.

    If the API's URL is https, browsers are told to use nothing else.
    """
    strict = settings.url.startswith("https://")
    return [
        *_OF_ANYTHING,
        _NOTHING_LOADS,
        *([(b"strict-transport-security", b"max-age=%d" % _HTTPS_S)] if strict else []),
    ]


def security_headers(settings: Settings) -> Headers:
    """Make the headers of pages. Each page has a Content-Security-Policy of its own."""
    return [*data_headers(settings), *_OF_PAGES]


def with_headers(send: Send, headers: Headers) -> Send:
    """Add `headers` to a response, except for those that it has."""

    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            given = message.get("headers", [])
            names = {name.lower() for name, _ in given}
            message["headers"] = [*given, *(each for each in headers if each[0] not in names)]
        await send(message)

    return send_with_headers
