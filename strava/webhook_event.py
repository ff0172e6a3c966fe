"""Reads what Strava's webhook tells.

Events are unsigned, so all that is kept of one is which object to look up.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from strava.fields import Fields, fields_of

_ASPECTS = {"create", "update", "delete"}


@dataclass(frozen=True, slots=True)
class WebhookEvent:
    """An activity that is new, changed or deleted, or an athlete who withdrew the access.

    `owner_id` is the athlete's; where the object is the athlete, both ids are.
    """

    object_type: Literal["activity", "athlete"]
    object_id: int
    owner_id: int


def parse_event(payload: object) -> WebhookEvent | None:
    """Read an event; None for one of a kind that is unknown or changes nothing here.

    Fields that are not needed are ignored. Raises StravaBadData for what is no event.
    """
    fields = fields_of(payload)
    object_type, aspect = fields.text("object_type"), fields.text("aspect_type")
    object_id, owner_id = fields.identifier("object_id"), fields.identifier("owner_id")
    if object_type == "activity" and aspect in _ASPECTS:
        return WebhookEvent("activity", object_id, owner_id)
    if object_type == "athlete" and object_id == owner_id and _withdraws(fields):
        return WebhookEvent("athlete", object_id, owner_id)
    return None


def _withdraws(fields: Fields) -> bool:
    updates = fields.values.get("updates")
    return isinstance(updates, Mapping) and str(updates.get("authorized")).lower() == "false"
