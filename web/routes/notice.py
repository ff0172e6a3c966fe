"""Answers for people and programs: a page for browsers, JSON for all others."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from hashlib import sha256
from html import escape

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from web.errors import BadRequest, error_body
from web.http.media_type import wants_page

_STYLE = (
    ":root{color-scheme:light dark}"
    "body{font:1.1rem/1.6 system-ui,sans-serif;margin:0 auto;max-width:36rem;padding:2rem 1rem}"
    "a{color:LinkText}"
)
_STYLE_HASH = b64encode(sha256(_STYLE.encode()).digest()).decode()
_CONTENT_SECURITY_POLICY = (
    f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
_PAGE = (
    '<!doctype html><html lang="en"><head><meta charset="utf-8">'
    '<meta name="viewport" content="width=device-width, initial-scale=1">'
    "<title>{title} · pacegraph</title><style>{style}</style></head>"
    "<body><main><h1>{title}</h1>{body}</main></body></html>"
)
Link = tuple[str, str]
"""An address and what it is called."""


def is_for_people(request: Request) -> bool:
    """Tell whether a request asks for a page. One with an `Accept` that cannot be read does not."""
    accept = request.headers.get("accept")
    try:
        return wants_page(None if accept is None else accept.encode("latin-1"))
    except BadRequest:
        return False


def page(
    title: str,
    text: str,
    links: Sequence[Link] = (),
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Make a page of a heading, a paragraph and links, beside JSON at the same address.

    All texts are escaped.
    """
    body = f"<p>{escape(text)}</p>{linked(links)}"
    return document(title, body, status, {"vary": "Accept", **(headers or {})})


def linked(links: Sequence[Link]) -> str:
    """Write links as HTML, a paragraph each. They are escaped."""
    return "".join(
        f'<p><a href="{escape(address)}">{escape(name)}</a></p>' for address, name in links
    )


def document(
    title: str, body: str, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """Make a page of a heading, which is escaped, and of HTML, which is not."""
    html = _PAGE.format(title=escape(title), body=body, style=_STYLE)
    own = {"content-security-policy": _CONTENT_SECURITY_POLICY}
    return HTMLResponse(html, status, {**own, **(headers or {})})


def refusal(
    request: Request,
    status: int,
    code: str,
    message: str,
    *,
    title: str,
    field: str | None = None,
    links: Sequence[Link] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Refuse a request: by a page where a browser asks for one, else by GraphQL's error in JSON."""
    if is_for_people(request):
        return page(title, message, links, status, headers)
    body = error_body(code, message, field=field)
    return Response(body, status, {"vary": "Accept", **(headers or {})}, "application/json")
