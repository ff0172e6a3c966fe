"""The application's subscription to changes, of which Strava allows one."""

from dataclasses import dataclass

from strava.client import StravaClient
from strava.errors import StravaUnreadable
from strava.fields import fields_of

_PATH = "/push_subscriptions"


@dataclass(frozen=True, slots=True)
class PushSubscription:
    """Strava reports changes to `callback_url`."""

    id: int
    callback_url: str


def view_subscription(client: StravaClient) -> PushSubscription | None:
    """Ask for the subscription; None if there is none. Raises StravaError."""
    answer = client.as_application("GET", _PATH)
    if not isinstance(answer, list):
        raise StravaUnreadable("body", "is not a list")
    for each in answer:
        fields = fields_of(each)
        return PushSubscription(fields.identifier("id"), fields.text("callback_url") or "")
    return None


def subscribe(client: StravaClient, callback_url: str, verify_token: str) -> int:
    """Subscribe; returns the id. Strava asks `callback_url` before it answers.

    Raises StravaError; StravaBadData also if there is a subscription, or the address does not
    answer as Strava wants it.
    """
    answer = client.as_application(
        "POST", _PATH, callback_url=callback_url, verify_token=verify_token
    )
    return fields_of(answer).identifier("id")


def unsubscribe(client: StravaClient, subscription_id: int) -> None:
    """End the subscription. Raises StravaError, StravaNotFound if there is none of this id."""
    client.as_application("DELETE", f"{_PATH}/{subscription_id}")
