"""Inputs and payloads of the mutations that start, cancel and retry jobs."""

from datetime import date

import strawberry

from graph.types.athlete import Athlete
from graph.types.enums import SyncMode
from graph.types.job import Job
from graph.types.payload import Payload, idempotency_key


@strawberry.input(
    one_of=True, description="An activity, by one of its ids. Exactly one field must be given."
)
class ActivityReference:
    """An activity's global id, or its id on Strava. The other one is unset."""

    id: strawberry.ID | None = strawberry.field(
        default=strawberry.UNSET, description="Its global id."
    )
    strava_id: str | None = strawberry.field(
        default=strawberry.UNSET, description="Its id on Strava, a number as text."
    )


@strawberry.input(description="What to sync.")
class SyncStravaInput:
    """Input of syncStrava."""

    athlete_id: strawberry.ID = strawberry.field(description="Global id of the athlete.")
    mode: SyncMode = strawberry.field(
        default=SyncMode.INCREMENTAL, description="How much to read. Default: INCREMENTAL."
    )
    activity: ActivityReference | None = strawberry.field(
        default=None, description="Sync only this activity. Default: as `mode` and the days say."
    )
    activity_id: strawberry.ID | None = strawberry.field(
        default=None,
        description="Sync only this activity: its global id, or its numeric id on Strava.",
        deprecation_reason="It takes two kinds of ids. Use `activity`. Goes after 2027-06-30.",
    )
    since: date | None = strawberry.field(
        default=None,
        description="First day to include, by the clock at the athlete's place. Not in the future. "
        "Default: as `mode` says.",
    )
    until: date | None = strawberry.field(
        default=None,
        description="Last day to include, by the clock at the athlete's place. Default: all that "
        "follow.",
    )
    idempotency_key: str | None = idempotency_key()


@strawberry.type(description="Result of `syncStrava`.")
class SyncStravaPayload(Payload):
    """Payload of syncStrava."""

    job: Job | None = strawberry.field(default=None, description="The sync job. Null if refused.")
    already_running: bool = strawberry.field(
        default=False,
        description="Whether `job` already existed: a sync in progress, or the job of the same "
        "idempotency key.",
    )
    task_id: strawberry.ID | None = strawberry.field(
        default=None,
        description="Id of the job, under its name in the older REST service. Null if refused.",
        deprecation_reason="A name of the older REST service. Use `job { id }`. "
        "Goes after 2027-06-30.",
    )
    status: str | None = strawberry.field(
        default=None,
        description='"queued", as in the older REST service. Null if refused.',
        deprecation_reason="A name of the older REST service. Use `job { status }`. "
        "Goes after 2027-06-30.",
    )


@strawberry.input(description="Which activities to try again.")
class RetrySyncProblemsInput:
    """Input of retrySyncProblems."""

    athlete_id: strawberry.ID = strawberry.field(description="Global id of the athlete.")
    strava_id: str | None = strawberry.field(
        default=None,
        description="Only the activity with this id on Strava, as `SyncProblem.stravaId` gives it. "
        "Default: all of them.",
    )
    idempotency_key: str | None = idempotency_key()


@strawberry.type(description="Result of `retrySyncProblems`.")
class RetrySyncProblemsPayload(Payload):
    """Payload of retrySyncProblems."""

    job: Job | None = strawberry.field(
        default=None,
        description="The job that tries them. If a sync is under way, that one: they are tried "
        "right after it. Null if refused.",
    )
    already_running: bool = strawberry.field(
        default=False,
        description="Whether `job` already existed: a sync in progress, or the job of the same "
        "idempotency key.",
    )


@strawberry.input(description="The athlete to export.")
class ExportAthleteInput:
    """Input of exportAthlete."""

    athlete_id: strawberry.ID = strawberry.field(description="Global id of the athlete.")
    idempotency_key: str | None = strawberry.field(
        default=None,
        description="Any text of at most 200 characters. Repeating the mutation with the same key "
        "within 24 hours (a setting of the server) returns the same job. "
        "The same key with other input is refused.",
    )


@strawberry.type(description="Result of `exportAthlete`.")
class ExportAthletePayload(Payload):
    """Payload of exportAthlete."""

    job: Job | None = strawberry.field(
        default=None, description="The job. Its `export` is the archive. Null if refused."
    )
    already_running: bool = strawberry.field(
        default=False,
        description="Whether `job` already existed: an export in progress, or the job of the same "
        "idempotency key.",
    )


@strawberry.type(description="The job that a mutation started or changed.")
class JobPayload(Payload):
    """Payload of mutations about a job."""

    job: Job | None = strawberry.field(
        default=None, description="The job after the mutation. Null if refused."
    )


@strawberry.input(description="What to recalculate.")
class RecalculateInput:
    """Input of the recalculations."""

    athlete_id: strawberry.ID | None = strawberry.field(
        default=None,
        description="Global id of the athlete. Default: all athletes, which requires the scope "
        "ADMIN.",
    )
    idempotency_key: str | None = idempotency_key()


@strawberry.input(description="The job to cancel.")
class CancelJobInput:
    """Input of cancelJob."""

    id: strawberry.ID = strawberry.field(description="Global id of the job.")


@strawberry.input(description="The job to resume.")
class RetryJobInput:
    """Input of retryJob."""

    id: strawberry.ID = strawberry.field(description="Global id of the job.")
    idempotency_key: str | None = idempotency_key("returns the job and does not retry it again")


@strawberry.input(description="How to sign in with Strava.")
class ConnectStravaInput:
    """Input of connectStrava."""

    return_to: str | None = strawberry.field(
        default=None,
        description="Where the browser goes once it is signed in: a path of this server, or the "
        "address of a page whose origin is in CORS_ORIGINS. At most 500 characters. Default: "
        "GraphiQL.",
    )


@strawberry.type(description="Result of `connectStrava`.")
class ConnectStravaPayload(Payload):
    """Payload of connectStrava."""

    authorization_url: str | None = strawberry.field(
        default=None,
        description="Address to open in the browser that sent this request. Strava sends the "
        "browser back, signed in, and it goes on to `returnTo`. Null if refused.",
    )


@strawberry.input(description="The athlete to disconnect from Strava.")
class DisconnectStravaInput:
    """Input of disconnectStrava."""

    athlete_id: strawberry.ID = strawberry.field(description="Global id of the athlete.")
    keep_data: bool = strawberry.field(
        default=False,
        description="true: keep the activities imported from Strava and everything derived from "
        "them. false, the default: delete them.",
    )
    idempotency_key: str | None = idempotency_key()


@strawberry.type(description="Result of `disconnectStrava`.")
class DisconnectStravaPayload(Payload):
    """Payload of disconnectStrava."""

    athlete: Athlete | None = strawberry.field(
        default=None, description="The athlete. Null if refused."
    )
    job: Job | None = strawberry.field(
        default=None, description="The job that disconnects the athlete. Null if refused."
    )
