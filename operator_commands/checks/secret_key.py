"""Whether there is a secret key."""

from operator_commands.checks.failure import require
from settings import Settings


def check(settings: Settings) -> str:
    require(
        settings,
        "secret_key",
        "Make one: python -c 'import secrets; print(secrets.token_urlsafe(48))'",
    )
    return "set"
