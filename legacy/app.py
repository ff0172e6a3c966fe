"""What the older service's callers find in the API."""

from fastapi import FastAPI

from settings import Settings


def add_routes(app: FastAPI, settings: Settings) -> None:
    """Add the older service's routes to the API that `web.create_app` made."""
