"""The API: GraphQL over HTTP, WebSocket and server-sent events, and plain routes."""

from web.app import Stopping, create_app

__all__ = ["Stopping", "create_app"]
