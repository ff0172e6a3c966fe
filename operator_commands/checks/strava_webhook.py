"""Whether Strava's API answers, and reports changes to this server."""

from operator_commands.checks.failure import CheckFailed
from operator_commands.strava_calls import strava_client
from operator_commands.strava_webhook import is_on_this_machine, shown
from settings import InvalidSettings, Settings
from strava.errors import StravaError, StravaRateLimited, StravaUnauthorized
from strava.push_subscriptions import PushSubscription, view_subscription
from web.webhook_address import callback_url

_API = "/api/v3"
_HOSTS = {
    "https://www.strava.com/api/v3": "https://api-v3.strava.com",
    "https://api-v3.strava.com": "https://www.strava.com/api/v3",
}
"""Strava's two addresses; the second is to be the only one from 2027 on."""


def check(settings: Settings) -> str:
    """Ask Strava, and say at which shape of its address it answers. Raises CheckFailed."""
    there = _subscription(settings)
    shape = "with" if settings.strava_api_url.endswith(_API) else "without"
    answers = f"Strava's API answers {shape} {_API}"
    if there is None:
        return (
            f"{answers}; there is no subscription, so changes are found by syncs only. "
            "To have Strava report them: pacegraph strava-webhook subscribe"
        )
    where = f"subscription {there.id} reports to {shown(settings, there)}"
    is_simulated = is_on_this_machine(settings.strava_api_url)
    if there.callback_url != callback_url(settings) and not is_simulated:
        raise CheckFailed(
            f"{where}. Set PUBLIC_URL and STRAVA_WEBHOOK_SECRET, then run "
            "`pacegraph strava-webhook subscribe`"
        )
    return f"{answers}; {where}"


def _subscription(settings: Settings) -> PushSubscription | None:
    try:
        return _asked(settings)
    except InvalidSettings:
        raise CheckFailed("cannot be checked without Strava's credentials") from None
    except StravaRateLimited as error:
        raise CheckFailed(
            f"Strava is not asked: its quota is used up until {error.retry_at:%H:%M} "
            "UTC. Try again then"
        ) from None
    except StravaError as error:
        if not isinstance(error, StravaUnauthorized):
            _look_elsewhere(settings)
        raise CheckFailed(
            f"{settings.strava_api_url} does not tell of a subscription: {error}. Check "
            "the network, "
            "STRAVA_API_URL, STRAVA_CLIENT_ID and STRAVA_CLIENT_SECRET"
        ) from None


def _look_elsewhere(settings: Settings) -> None:
    """Raise CheckFailed if the other shape of the address answers."""
    other = other_shape(settings.strava_api_url)
    try:
        _asked(settings.model_copy(update={"strava_api_url": other}))
    except StravaError:
        return
    raise CheckFailed(
        f"{settings.strava_api_url} does not answer as Strava's API does, but {other} does. "
        f"Set STRAVA_API_URL={other}"
    )


def other_shape(url: str) -> str:
    """Get Strava's other address, else the same one with or without /api/v3."""
    url = url.rstrip("/")
    if url in _HOSTS:
        return _HOSTS[url]
    return url.removesuffix(_API) if url.endswith(_API) else url + _API


def _asked(settings: Settings) -> PushSubscription | None:
    with strava_client(settings) as client:
        return view_subscription(client)
