"""Reads what a client calls itself: for the usage of the schema (`web/schema_usage.py`)."""

import re
from collections.abc import Mapping
from typing import Any

from graph.context import NOBODY, Client

_PREFIXES = ("graphql-client-", "apollographql-client-", "x-graphql-client-")
"""The fields `…name` and `…version`: of GraphQL's tools, of Apollo Client, of others."""
_NAMES = [(f"{each}name".encode(), f"{each}version".encode()) for each in _PREFIXES]
_VALID = re.compile(r"[ -~]{1,64}")


def client_of(headers: Mapping[bytes, bytes]) -> Client:
    """Read a request's headers. What is longer than 64 characters or not ASCII counts as absent."""
    for name, version in _NAMES:
        if name in headers:
            return _client(
                headers[name].decode("latin-1"), headers.get(version, b"").decode("latin-1")
            )
    return NOBODY


def client_of_payload(payload: Any) -> Client | None:
    """Read the payload of `connection_init`: browsers send no headers with a WebSocket.

    The fields are members of it or of its `headers`, in upper or lower case. None if it has none.
    """
    if not isinstance(payload, dict):
        return None
    inner = payload.get("headers")
    members = {**payload, **(inner if isinstance(inner, dict) else {})}
    texts = {
        name.lower().encode(): value.encode()
        for name, value in members.items()
        if isinstance(value, str) and "client-" in name.lower()
    }
    client = client_of(texts)
    return client if client.name else None


def _client(name: str, version: str) -> Client:
    if not _VALID.fullmatch(name):
        return NOBODY
    return Client(name.strip(), version.strip() if _VALID.fullmatch(version) else "")
