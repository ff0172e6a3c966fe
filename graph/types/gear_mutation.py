"""Inputs and payloads of the mutations on gear."""

from typing import Any

import strawberry

from graph.types.gear import Gear
from graph.types.payload import Payload, idempotency_key


@strawberry.input(description="Shoes that no source tells of.")
class CreateGearInput:
    """Input of createGear."""

    athlete_id: strawberry.ID = strawberry.field(description="Global id of the athlete.")
    name: str = strawberry.field(
        description="Name, of no other gear of the athlete. 1 to 100 characters. If Strava tells of "
        "shoes with this name, in upper or lower case, they are the same shoes."
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


@strawberry.type(description="Result of mutations on gear.")
class GearPayload(Payload):
    """Payload of createGear and updateGear."""

    gear: Gear | None = strawberry.field(
        default=None, description="The gear after the mutation. Null if refused."
    )
