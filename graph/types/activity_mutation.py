"""Inputs and payloads of the mutations on one activity."""

from typing import Any

import strawberry

from graph.cost.directives import sized
from graph.types.activity import Activity
from graph.types.athlete import Athlete
from graph.types.best_change import PersonalBestChange, best_changes
from graph.types.job import Job
from graph.types.payload import Payload, idempotency_key


@strawberry.input(
    description="Changes to an activity. Omitted fields stay as they are. Null clears a field that "
    "may be null. What is changed here stays so: syncs and imports no longer change it."
)
class UpdateActivityInput:
    """Input of updateActivity."""

    activity_id: strawberry.ID = strawberry.field(description="Global id of the activity.")
    name: str | None = strawberry.field(
        default=strawberry.UNSET, description="Title. 1 to 500 characters. Must not be null."
    )
    description: str | None = strawberry.field(
        default=strawberry.UNSET,
        description="What the athlete writes about it. At most 10000 characters.",
    )
    notes: str | None = strawberry.field(
        default=strawberry.UNSET,
        description="Notes that only the athlete sees. At most 10000 characters.",
    )
    is_race: bool | None = strawberry.field(
        default=strawberry.UNSET, description="Whether it is a race. Must not be null."
    )
    gear_id: strawberry.ID | None = strawberry.field(
        default=strawberry.UNSET, description="Global id of the shoes it was run in. Null: none."
    )
    hidden: bool | None = strawberry.field(
        default=strawberry.UNSET,
        description="true: hide its run from other athletes, also where it is visible on Strava, "
        "with all recordings of it. false: show them as their visibility allows. Must not be null.",
    )
    excluded: bool | None = strawberry.field(
        default=strawberry.UNSET,
        description="true: exclude all its efforts from rankings and personal bests. false: "
        "include those that were not excluded one by one. Must not be null.",
    )

    def given(self) -> dict[str, Any]:
        """Get the changes by name. A given field may be None."""
        return {
            name: value
            for name, value in vars(self).items()
            if value is not strawberry.UNSET and name != "activity_id"
        }


@strawberry.type(
    description="Result of `updateActivity`. Ranks and personal bests are already updated."
)
class UpdateActivityPayload(Payload):
    """Payload of updateActivity."""

    activity: Activity | None = strawberry.field(
        default=None, description="The changed activity. Null if refused."
    )
    recordings: list[Activity] = strawberry.field(
        default_factory=list,
        description="The other recordings of its run that are now hidden or shown with it. At most 20.",
        directives=[sized(2)],
    )
    personal_best_changes: list[PersonalBestChange] = best_changes()


@strawberry.input(description="The activity to delete.")
class DeleteActivityInput:
    """Input of deleteActivity."""

    activity_id: strawberry.ID = strawberry.field(description="Global id of the activity.")


@strawberry.type(
    description="Result of `deleteActivity`. Groups of recordings and personal bests are already "
    "updated."
)
class DeleteActivityPayload(Payload):
    """Payload of deleteActivity."""

    deleted_activity_id: strawberry.ID | None = strawberry.field(
        default=None,
        description="Global id of the activity, which names nothing any more but what "
        "`restoreActivity` restores. Null if refused.",
    )
    athlete: Athlete | None = strawberry.field(
        default=None, description="The athlete it belonged to. Null if refused."
    )
    recordings: list[Activity] = strawberry.field(
        default_factory=list,
        description="The other recordings of its run, as they are now: the first of them counts.",
        directives=[sized(2)],
    )
    personal_best_changes: list[PersonalBestChange] = best_changes()


@strawberry.input(description="The deleted activity to restore.")
class RestoreActivityInput:
    """Input of restoreActivity."""

    activity_id: strawberry.ID = strawberry.field(
        description="Global id that the activity had: `deletedActivityId`."
    )
    idempotency_key: str | None = idempotency_key()


@strawberry.type(description="Result of `restoreActivity`.")
class RestoreActivityPayload(Payload):
    """Payload of restoreActivity."""

    athlete: Athlete | None = strawberry.field(
        default=None, description="The athlete of the activity. Null if refused."
    )
    job: Job | None = strawberry.field(
        default=None,
        description="The job that fetches it again, under a new id: from Strava, or from its file "
        "where that is kept. Null if the file is not kept and can be imported again now, or if the "
        "athlete is not connected to Strava.",
    )
