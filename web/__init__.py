"""The API: GraphQL over HTTP, WebSocket and server-sent events, and plain routes."""

from web.app import create_app

__all__ = ["create_app"]
