"""A page for each error code, from `docs/errors.md`: cause and remedy, at the address that errors link.

Installations without the file have no pages. Then errors link DOCS_URL, or nothing.
"""

import re
from functools import cache
from html import escape
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from settings import Settings
from web.routes.notice import document, linked, refusal

_SOURCE = Path(__file__).parents[2] / "docs" / "errors.md"
_PATH = "/errors"
_SECTION = re.compile(r"^### (\w+)\n\n(.*?)(?=^##|\Z)", re.MULTILINE | re.DOTALL)
_ASIDE = re.compile(r" ?\n?\(\[[^]]+\]\([^)]+\)\)")
"""A link in parentheses, which without its address says nothing."""
_LINK = re.compile(r"\[([^]]+)\]\([^)]+\)")
_CODE = re.compile(r"`([^`]+)`")


def address_of_pages(settings: Settings) -> str:
    """Get what the addresses of all pages begin with; "" where there are none."""
    if settings.docs_url:
        return f"{settings.docs_url}/errors/#"
    return f"{settings.url}{_PATH}/" if _SOURCE.is_file() else ""


def error_page_routes() -> list[Route]:
    """Make the routes of the list of codes and of the page of each."""
    if not _SOURCE.is_file():
        return []
    return [Route(_PATH, _list), Route(f"{_PATH}/{{code}}", _page)]


async def _list(_: Request) -> Response:
    addresses = [(f"{_PATH}/{code.lower()}", code) for code in _sections()]
    return document("Errors", linked(addresses))


async def _page(request: Request) -> Response:
    code = request.path_params["code"].upper()
    section = _sections().get(code)
    if section is None:
        return refusal(
            request,
            404,
            "NOT_FOUND",
            f"No error has this code. {_PATH} lists all codes.",
            title="There is no such code",
            links=[(_PATH, "All errors")],
        )
    return document(code, section + linked([(_PATH, "All errors")]))


@cache
def _sections() -> dict[str, str]:
    """Read the paragraphs of each code, as HTML."""
    return {code: _html(text) for code, text in _SECTION.findall(_SOURCE.read_text("utf-8"))}


def _html(text: str) -> str:
    """Write paragraphs. Links keep their text only: the other pages of docs/ are not served."""
    plain = escape(_LINK.sub(r"\1", _ASIDE.sub("", text.strip())), quote=False)
    coded = _CODE.sub(r"<code>\1</code>", plain)
    return "".join(f"<p>{each}</p>" for each in coded.split("\n\n"))
