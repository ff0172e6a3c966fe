"""GraphQL over HTTP, WebSocket and server-sent events, and all else that the API answers."""

from web.app import create_app

__all__ = ["create_app"]
