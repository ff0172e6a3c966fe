"""Inputs and payloads of the mutations that start and steer jobs."""

from datetime import date

import strawberry

from graph.refusal import Payload
from graph.types.athlete import Athlete
from graph.types.enums import SyncMode
from graph.types.job import Job


@strawberry.input(description="What to sync.")
class SyncStravaInput:
    """Input of syncStrava."""

    athlete_id: strawberry.ID = strawberry.field(description="Whose activities.")
    mode: SyncMode = strawberry.field(default=SyncMode.INCREMENTAL, description="How much to read.")
    activity_id: strawberry.ID | None = strawberry.field(
        default=None, description="Only this activity: an Activity's id, or the number it has on Strava."
    )
    since: date | None = strawberry.field(default=None, description="Only activities from this day (UTC) on.")
    until: date | None = strawberry.field(default=None, description="Only activities until this day (UTC), included.")
    idempotency_key: str | None = strawberry.field(
        default=None,
        description="Any text, at most 200 characters: asking again with the same one returns the same job.",
    )


@strawberry.type(description="The sync that was asked for.")
class SyncStravaPayload(Payload):
    """Payload of syncStrava."""

    job: Job | None = strawberry.field(default=None, description="The job to follow; null when refused.")
    already_running: bool = strawberry.field(
        default=False, description="Whether it had been asked for before: then `job` is that one."
    )
    task_id: strawberry.ID | None = strawberry.field(
        default=None, description="The job's id, under the name that the older REST service used."
    )
    status: str | None = strawberry.field(
        default=None, description='"queued", as the older REST service said; null when refused.'
    )


@strawberry.type(description="The job that a mutation started or changed.")
class JobPayload(Payload):
    """Payload of mutations about a job."""

    job: Job | None = strawberry.field(default=None, description="The job as it is now; null when refused.")


@strawberry.input(description="Whose data to calculate anew.")
class RecalculateInput:
    """Input of the recalculations."""

    athlete_id: strawberry.ID | None = strawberry.field(
        default=None, description="Whose; all athletes' when not given, for which the scope ADMIN is needed."
    )


@strawberry.input(description="The job to cancel.")
class CancelJobInput:
    """Input of cancelJob."""

    id: strawberry.ID = strawberry.field(description="Its global id.")


@strawberry.input(description="The job to try again.")
class RetryJobInput:
    """Input of retryJob."""

    id: strawberry.ID = strawberry.field(description="Its global id.")


@strawberry.type(description="Where to sign in.")
class ConnectStravaPayload(Payload):
    """Payload of connectStrava."""

    authorization_url: str | None = strawberry.field(
        default=None, description="Send the browser that made this request there; Strava sends it back signed in."
    )


@strawberry.input(description="Whom to disconnect from Strava.")
class DisconnectStravaInput:
    """Input of disconnectStrava."""

    athlete_id: strawberry.ID = strawberry.field(description="Whose connection.")
    keep_data: bool = strawberry.field(
        default=False, description="Keep the activities that came from Strava, and what was derived from them."
    )


@strawberry.type(description="The disconnection that was asked for.")
class DisconnectStravaPayload(Payload):
    """Payload of disconnectStrava."""

    athlete: Athlete | None = strawberry.field(default=None, description="The athlete; null when refused.")
    job: Job | None = strawberry.field(default=None, description="The job that does it; null when refused.")
