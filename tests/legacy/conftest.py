"""What a process of the API needs from its environment."""

import pytest

from settings import Settings
from tests.conftest import SECRETS


@pytest.fixture
def environment(settings: Settings) -> dict[str, str]:
    urls = {
        name: getattr(settings, name).get_secret_value() for name in ("database_url", "redis_url")
    }
    return {name.upper(): value for name, value in {**urls, **SECRETS}.items()} | {
        "STRAVA_CLIENT_ID": "1",
        "STRAVA_CLIENT_SECRET": "secret",
    }
