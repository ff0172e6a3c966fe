"""`/docs`: the OpenAPI document as a page without scripts, with each route's GraphQL query.

`/docs/rest.md` describes what the routes have in common. It exists if the API runs from its
sources.
"""

import re
from base64 import b64encode
from collections.abc import Iterator, Mapping
from hashlib import sha256
from html import escape
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from graphql import parse, print_ast
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response

from legacy.rest.openapi import QUERY

GUIDE = Path(__file__).parents[2] / "docs" / "rest.md"

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem;
  color: #1b1b1f; background: #fff; }
h2 { margin: 2.5rem 0 0.2rem; font-size: 1.1rem; }
h2 code, h2 b { font-family: ui-monospace, monospace; }
pre, td code { background: #f3f3f6; border-radius: 4px; }
pre { padding: 0.8rem; overflow-x: auto; font-size: 0.85rem; }
table { border-collapse: collapse; } td { padding: 0.1rem 0.8rem 0.1rem 0; vertical-align: top; }
@media (prefers-color-scheme: dark) { body { color: #e6e6ea; background: #17171a; }
  a { color: #9db8ff; }
  pre, td code { background: #26262b; } }
"""
_DIGEST = b64encode(sha256(_STYLE.encode()).digest()).decode()
_HEADERS = {
    "content-security-policy": f"default-src 'none'; style-src 'sha256-{_DIGEST}'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "cache-control": "no-cache",
}


_GUIDE_LINK = '<a href="/docs/rest.md">How they answer: ids, lists, tasks, errors</a>. '


async def docs_page(request: Request) -> Response:
    """Serve the page. It is rendered once: that takes the event loop for milliseconds."""
    app: FastAPI = request.app
    kept: str | None = getattr(app.state, "docs_page", None)
    if kept is None:
        kept = app.state.docs_page = page(app.openapi())
    return HTMLResponse(kept, headers=_HEADERS)


async def guide(_: Request) -> Response:
    """Serve the text about the routes."""
    return PlainTextResponse(GUIDE.read_bytes(), headers={"cache-control": "no-cache"})


def page(document: Mapping[str, Any]) -> str:
    """Render a document as a page."""
    return "\n".join(
        (
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            "<title>pacegraph: REST routes</title>",
            '<meta name="viewport" content="width=device-width">',
            f"<style>{_STYLE}</style></head><body>",
            f"<h1>REST routes</h1><p>{_prose(document['info']['description'])}</p>",
            f"<p>{_GUIDE_LINK if GUIDE.is_file() else ''}",
            '<a href="/graphiql">GraphiQL</a>.',
            'The same as data: <a href="/openapi.json">OpenAPI</a>.</p>',
            *_operations(document),
            "</body></html>",
        )
    )


def _prose(text: str) -> str:
    """Escape text, and mark `this` as code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))


def _operations(document: Mapping[str, Any]) -> Iterator[str]:
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            if operation.get("deprecated"):
                yield from _operation(f"{method.upper()} {path}", operation)


def _operation(name: str, operation: Mapping[str, Any]) -> Iterator[str]:
    method, _, path = name.partition(" ")
    yield f'<h2 id="{escape(name)}"><b>{method}</b> <code>{escape(path)}</code></h2>'
    yield f"<p>{_prose(operation['summary'])}.</p>"
    if parameters := operation.get("parameters"):
        rows = (
            f"<tr><td><code>{escape(each['name'])}</code></td>"
            f"<td>{_prose(each.get('description', ''))}</td></tr>"
            for each in parameters
        )
        yield f"<table>{''.join(rows)}</table>"
    if query := operation.get(QUERY):
        yield f"<p>In GraphQL:</p><pre>{escape(print_ast(parse(query)))}</pre>"
    else:
        yield f"<p>{_prose(operation['description'])}</p>"
