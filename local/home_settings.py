"""The settings of what runs in PACEGRAPH_HOME, for commands beside `pacegraph run`."""

from typing import Any

from local.generated_secrets import SECRETS
from local.home import running_facts
from local.postgres import running_postgres
from local.redis import running_redis
from settings import Settings, load_settings

DATABASE_URL, REDIS_URL = "embedded_database_url", "embedded_redis_url"
"""Names in run.json, of embedded services only."""


def with_running_services(settings: Settings) -> Settings:
    """Complete `settings` by what `pacegraph run` decided in their home.

    These are its own URL, those of embedded services that run, generated secrets, and the
    simulated Strava.
    """
    home = settings.pacegraph_home
    facts = running_facts(home) or {}
    found: dict[str, Any] = {}
    if settings.public_url is None and facts:
        found["public_url"] = facts["url"]
    if settings.database_url is None and (url := facts.get(DATABASE_URL) or running_postgres(home)):
        found["database_url"] = url
    if settings.redis_url is None and (url := facts.get(REDIS_URL) or running_redis(home)):
        found["redis_url"] = url
    for secret in SECRETS:
        name = secret.setting.lower()
        if not getattr(settings, name) and (value := secret.read(home)):
            found[name] = value
    if settings.strava_client_id is None and facts:
        found |= {
            "strava_client_id": "1",
            "strava_client_secret": "simulated",
            "strava_api_url": f"{facts['strava']}/api/v3",
        }
    return load_settings(**found) if found else settings


def embedded_redis(settings: Settings) -> str | None:
    """The URL of the Redis in use, if it is the embedded one of the home; else None."""
    home = settings.pacegraph_home
    url = settings.redis_url.get_secret_value() if settings.redis_url else None
    embedded = (running_facts(home) or {}).get(REDIS_URL) or running_redis(home)
    return url if url == embedded else None
