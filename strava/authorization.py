"""The address of Strava's authorization page. It takes no HTTP client, and imports none."""

from collections.abc import Iterable
from urllib.parse import urlencode

from settings import Settings


def authorization_url(
    settings: Settings,
    redirect_uri: str,
    state: str,
    scopes: Iterable[str],
) -> str:
    """Where to send the athlete's browser."""
    parameters = {
        "client_id": settings.strava_client_id or "",
        "redirect_uri": redirect_uri,
        "response_type": "code",
        "approval_prompt": "auto",
        "scope": ",".join(scopes),
        "state": state,
    }
    return f"{settings.strava_oauth_url.rstrip('/')}/authorize?{urlencode(parameters)}"
