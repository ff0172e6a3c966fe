"""Addresses of the pages of error codes."""

from typing import Any

from sqlalchemy import ColumnElement, Text, bindparam, func

from runtime.error_links import ERROR_LINKS

PAGES = bindparam("error_pages", type_=Text)
"""How the addresses begin, null where there are no pages."""


def parameters() -> dict[str, Any]:
    """Get the values of the parameters of `address`."""
    return {PAGES.key: ERROR_LINKS.begin}


def address(code: Any) -> ColumnElement[str]:
    """The address of the page of `code`; null where that is null or there are no pages."""
    return PAGES.concat(func.lower(code))
