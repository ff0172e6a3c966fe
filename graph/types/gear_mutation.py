"""Inputs and payloads of the mutations on gear."""

from typing import Any

import strawberry

from graph.types.athlete import Athlete
from graph.types.gear import Gear
from graph.types.payload import Payload, idempotency_key


@strawberry.input(description="Shoes that no source tells of.")
class CreateGearInput:
    """Input of createGear."""

    athlete_id: strawberry.ID = strawberry.field(description="Global id of the athlete.")
    name: str = strawberry.field(
        description="Name, of no other gear of the athlete. 1 to 100 characters. If Strava tells "
        "of shoes with this name, in upper or lower case, they are the same shoes."
    )
    idempotency_key: str | None = idempotency_key("returns the same gear")


@strawberry.input(
    description="Changes to gear. Omitted fields stay as they are. What is changed here stays so: "
    "syncs no longer change it."
)
class UpdateGearInput:
    """Input of updateGear."""

    gear_id: strawberry.ID = strawberry.field(description="Global id of the gear.")
    name: str | None = strawberry.field(
        default=strawberry.UNSET,
        description="Name, of no other gear of the athlete. 1 to 100 characters. Must not be null.",
    )
    retired: bool | None = strawberry.field(
        default=strawberry.UNSET,
        description="Whether the athlete no longer uses it. Must not be null.",
    )

    def given(self) -> dict[str, Any]:
        """Get the changes by name. A given field may be None."""
        return {
            name: value
            for name, value in vars(self).items()
            if value is not strawberry.UNSET and name != "gear_id"
        }


@strawberry.input(description="Gear that is to be deleted.")
class DeleteGearInput:
    """Input of deleteGear."""

    gear_id: strawberry.ID = strawberry.field(description="Global id of the gear.")
    replacement_id: strawberry.ID | None = strawberry.field(
        default=None,
        description="Global id of gear of the same athlete that its activities get. Default: "
        "none, so they have no gear any more.",
    )


@strawberry.type(description="Result of `deleteGear`.")
class DeleteGearPayload(Payload):
    """Payload of deleteGear."""

    deleted_gear_id: strawberry.ID | None = strawberry.field(
        default=None, description="Global id of the gear that is gone. Null if refused."
    )
    athlete: Athlete | None = strawberry.field(
        default=None, description="The athlete it belonged to. Null if refused."
    )
    replacement: Gear | None = strawberry.field(
        default=None, description="The gear that its activities have now. Null if they have none."
    )
    activity_count: int | None = strawberry.field(
        default=None, description="Number of activities that had it. Null if refused."
    )


@strawberry.type(description="Result of mutations on gear.")
class GearPayload(Payload):
    """Payload of createGear and updateGear."""

    gear: Gear | None = strawberry.field(
        default=None, description="The gear after the mutation. Null if refused."
    )
