"""Webhooks of the simulated Strava: one subscription, and events delivered in the background."""

import asyncio
import secrets
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import httpx

from runtime.clock import utc_now
from strava_simulator.activity import SimulatedActivity
from strava_simulator.refusal import Refusal, RequestRefused, invalid
from strava_simulator.tokens import Tokens

_ATTEMPTS = 3
# Strava requires an answer within two seconds.
_TIMEOUT_S = 2.0
_REMEMBERED = 1_000
_ID = 120_475


@dataclass(frozen=True, slots=True)
class WebhookSubscription:
    id: int
    callback_url: str
    created_at: str


@dataclass(slots=True)
class Webhooks:
    """Delivers events to the subscription's address, with `retry_delay_s` between attempts."""

    tokens: Tokens
    retry_delay_s: float
    clock: Callable[[], datetime] = utc_now
    subscription: WebhookSubscription | None = None
    # The last events, with the status of each answer in `attempts`: None for no answer.
    deliveries: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _last_id: int = _ID

    async def subscribe(self, callback_url: str, verify_token: str) -> WebhookSubscription:
        """Verify `callback_url` as Strava does, and store it. Raises RequestRefused."""
        if self.subscription:
            raise RequestRefused(invalid("PushSubscription", "", "already exists"))
        if not await _verifies(callback_url, verify_token):
            raise RequestRefused(invalid("PushSubscription", "callback url", "not verifiable"))
        self._last_id += 1
        self.subscription = WebhookSubscription(
            self._last_id, callback_url, f"{self.clock():%Y-%m-%dT%H:%M:%SZ}"
        )
        return self.subscription

    def unsubscribe(self, subscription_id: int) -> None:
        """End the subscription. Raises RequestRefused for an unknown id."""
        if self.subscription is None or self.subscription.id != subscription_id:
            raise RequestRefused(
                Refusal(404, "Resource Not Found", "PushSubscription", "id", "not found")
            )
        self.subscription = None

    def activity_event(
        self, activity: SimulatedActivity, aspect: str, updates: Mapping[str, str] | None = None
    ) -> None:
        """Report a change to the application, if it may see the activity.

        Deletions are always reported.
        """
        grant = self.tokens.grant_of(activity.athlete_id)
        if grant and (aspect == "delete" or activity.is_visible_to(grant.scopes)):
            self.send(
                {
                    "object_type": "activity",
                    "object_id": activity.id,
                    "aspect_type": aspect,
                    "owner_id": activity.athlete_id,
                    "updates": dict(updates or {}),
                }
            )

    def deauthorized(self, athlete_id: int) -> None:
        """Tell the application that the athlete withdrew the permission."""
        self.send(
            {
                "object_type": "athlete",
                "object_id": athlete_id,
                "aspect_type": "update",
                "owner_id": athlete_id,
                "updates": {"authorized": "false"},
            }
        )

    def send(self, event: Mapping[str, Any]) -> None:
        """Deliver `event` in the background; without a subscription it is dropped."""
        if self.subscription is None:
            return
        complete = {
            "event_time": int(self.clock().timestamp()),
            "subscription_id": self.subscription.id,
            **event,
        }
        delivery: dict[str, Any] = {"event": complete, "attempts": []}
        self.deliveries.append(delivery)
        task = asyncio.get_running_loop().create_task(
            self._deliver(self.subscription.callback_url, delivery)
        )
        # The event loop holds only weak references to tasks.
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _deliver(self, callback_url: str, delivery: dict[str, Any]) -> None:
        for attempt in range(_ATTEMPTS):
            if attempt:
                await asyncio.sleep(self.retry_delay_s)
            status = await _post(callback_url, delivery["event"])
            delivery["attempts"].append(status)
            if status == httpx.codes.OK:
                return

    async def stop(self) -> None:
        """Cancel pending deliveries."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


def _http() -> httpx.AsyncClient:
    return httpx.AsyncClient(timeout=_TIMEOUT_S, trust_env=False)


async def _post(url: str, event: Mapping[str, Any]) -> int | None:
    """Status of the answer, None if there is none."""
    try:
        async with _http() as http:
            return (await http.post(url, json=event)).status_code
    except (httpx.HTTPError, httpx.InvalidURL):
        return None


async def _verifies(url: str, verify_token: str) -> bool:
    challenge = secrets.token_hex(8)
    query = {"hub.mode": "subscribe", "hub.challenge": challenge, "hub.verify_token": verify_token}
    try:
        async with _http() as http:
            answer = await http.get(url, params=query)
        return (
            answer.status_code == httpx.codes.OK and answer.json().get("hub.challenge") == challenge
        )
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, AttributeError):
        return False
