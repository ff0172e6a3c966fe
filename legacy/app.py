"""What the older service's callers find in the API."""

from fastapi import FastAPI

from legacy.uses import LegacyUses
from legacy.uses_metric import UsesCollector
from settings import Settings


def add_routes(app: FastAPI, settings: Settings) -> None:
    """Add the older service's routes to the API that `web.create_app` made."""
    uses = LegacyUses(settings)
    app.state.metrics.register(UsesCollector(uses))
