"""`pacegraph strava-webhook`: Strava's subscription to changes, of which an application has one."""

import ipaddress
from contextlib import suppress
from urllib.parse import urlsplit

from logs import tell
from operator_commands.strava_calls import strava_client
from settings import Settings
from strava.client import StravaClient
from strava.errors import StravaError, StravaNotFound, StravaRateLimited
from strava.push_subscriptions import (
    PushSubscription,
    subscribe,
    unsubscribe,
    view_subscription,
)
from web.webhook_address import STRAVA_WEBHOOK, callback_url, verify_token


def run_action(action: str, settings: Settings) -> int:
    """Subscribe, tell the `status`, or unsubscribe; returns 0, or 1 with a message. Raises InvalidSettings."""
    actions = {"subscribe": begin, "status": _tell_status, "unsubscribe": _end}
    with strava_client(settings) as client:
        try:
            return actions[action](client, settings)
        except StravaRateLimited as error:
            tell(f"Strava's quota is used up until {error.retry_at:%H:%M} UTC. Try again then.")
            return 1
        except StravaError as error:
            tell(f"Strava refuses: {error}")
            return 1


def begin(client: StravaClient, settings: Settings, base_url: str | None = None) -> int:
    """Subscribe, below `base_url` or PUBLIC_URL; replaces a subscription to another address.

    Raises StravaError and InvalidSettings.
    """
    address = callback_url(settings, base_url)
    if settings.strava_webhook_secret is None and not is_on_this_machine(settings.strava_api_url):
        tell(
            "STRAVA_WEBHOOK_SECRET: is not set. Strava signs nothing, so only a secret address "
            "keeps others from sending events. Make one: "
            "python -c 'import secrets; print(secrets.token_urlsafe(32))'"
        )
        return 1
    there = view_subscription(client)
    if there is not None and there.callback_url == address:
        print(f"subscription {there.id} reports to {shown(settings, there)} already")
        return 0
    if there is not None:
        unsubscribe(client, there.id)
        print(f"ended subscription {there.id}, which reported to another address")
    number = subscribe(client, address, verify_token(settings))
    print(f"subscription {number} reports to {shown(settings, PushSubscription(number, address))}")
    return 0


def _tell_status(client: StravaClient, settings: Settings) -> int:
    there = view_subscription(client)
    if there is None:
        tell("there is no subscription. Make one: pacegraph strava-webhook subscribe")
        return 1
    print(f"subscription {there.id} reports to {shown(settings, there)}")
    return 0 if there.callback_url == callback_url(settings) else 1


def _end(client: StravaClient, _settings: Settings) -> int:
    there = view_subscription(client)
    if there is None:
        print("there is no subscription")
        return 0
    with suppress(StravaNotFound):  # someone else ended it just now
        unsubscribe(client, there.id)
    print(f"ended subscription {there.id}")
    return 0


def shown(settings: Settings, subscription: PushSubscription) -> str:
    """Make the subscription's address without its secret end, to print it."""
    if subscription.callback_url == callback_url(settings):
        return f"{settings.url}{STRAVA_WEBHOOK}" + _end_of(settings)
    parts = urlsplit(subscription.callback_url)
    return f"{parts.scheme}://{parts.netloc}/…, which is not this server's address"


def _end_of(settings: Settings) -> str:
    return "" if settings.strava_webhook_secret is None else "/…"


def is_on_this_machine(url: str) -> bool:
    """Tell whether `url` is of this machine, as the simulated Strava's is."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
