"""Where Strava reports changes, and the token by which its first request is recognized."""

import hmac

from settings import Settings

STRAVA_WEBHOOK = "/strava/webhook"


def callback_url(settings: Settings, base_url: str | None = None) -> str:
    """Make the address for Strava, below `base_url` or PUBLIC_URL. It contains the secret."""
    secret = settings.strava_webhook_secret
    end = "" if secret is None else f"/{secret.get_secret_value()}"
    return f"{base_url or settings.url}{STRAVA_WEBHOOK}{end}"


def verify_token(settings: Settings) -> str:
    """Get the token. Raises InvalidSettings if neither it nor SECRET_KEY is set."""
    if settings.strava_webhook_verify_token is not None:
        return settings.strava_webhook_verify_token.get_secret_value()
    settings.require("secret_key")
    assert settings.secret_key is not None
    key = settings.secret_key.get_secret_value().encode()
    return hmac.digest(key, b"Strava's webhook", "sha256").hex()
