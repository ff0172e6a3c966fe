"""`pacegraph doctor`: checks what pacegraph needs, and says what is wrong and what to do."""

from collections.abc import Callable

from operator_commands.checks import (
    migrations,
    originals,
    postgres,
    redis,
    secret_key,
    strava_application,
    strava_quota,
    strava_webhook,
    token_encryption,
)
from operator_commands.checks.failure import CheckFailed
from settings import InvalidSettings, Settings

_CHECKS: list[tuple[str, Callable[[Settings], str]]] = [
    ("PostgreSQL", postgres.check),
    ("migrations", migrations.check),
    ("Redis", redis.check),
    ("secret key", secret_key.check),
    ("key ring", token_encryption.check),
    ("Strava", strava_application.check),
    ("Strava's quota", strava_quota.check),
    ("webhook", strava_webhook.check),
    ("originals", originals.check),
]


def diagnose(settings: Settings) -> int:
    """Print a line for each check; returns 1 if one failed, else 0."""
    print("OK       settings: all values are valid")
    problems = 0
    for name, check in _CHECKS:
        try:
            print(f"OK       {name}: {check(settings)}")
        except (CheckFailed, InvalidSettings) as failure:
            problems += 1
            print(f"PROBLEM  {name}: {failure}")
    return 1 if problems else 0
