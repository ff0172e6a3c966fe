"""The root of mutations. `graph/commands/` implements them."""

import inspect
from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import strawberry

from graph.commands import (
    activity,
    api_token,
    athlete,
    export,
    feedback,
    file_import,
    gear,
    job,
    original,
    recording,
    sync_problem,
)
from graph.context import Context, Info
from graph.cost.directives import weighing
from graph.cost.prices import MUTATION
from graph.types.job_mutation import ConnectStravaInput, ConnectStravaPayload
from graph.types.payload import Payload, answer_refusals

_INPUT = strawberry.argument(description="Input of the mutation.")


def command(run: Callable[..., Awaitable[Payload]], description: str) -> Any:
    """Declare a mutation by its command. Its signature has the types of input and payload."""
    signature = inspect.signature(run)
    _, wanted = signature.parameters.values()
    payload = signature.return_annotation

    async def resolve(info: Info, input: Any) -> Any:
        return await answer_refusals(payload, run(info.context, input))

    async def resolve_optional(info: Info, input: Any = None) -> Any:
        return await answer_refusals(payload, run(info.context, input))

    is_optional = wanted.default is None
    resolver: Callable[..., Any] = resolve_optional if is_optional else resolve
    resolver.__annotations__["input"] = Annotated[wanted.annotation, _INPUT]
    resolver.__annotations__["return"] = payload
    return strawberry.mutation(resolver, description=description, directives=[weighing(MUTATION)])


async def _connect_strava(
    context: Context, wanted: ConnectStravaInput | None = None
) -> ConnectStravaPayload:
    return_to = None if wanted is None else wanted.return_to
    return ConnectStravaPayload(authorization_url=context.begin_sign_in(return_to))


@strawberry.type(
    description="All changes a caller can make. Expected failures are in the payload's "
    "`userErrors`."
)
class Mutation:
    """Root fields."""

    connect_strava = command(
        _connect_strava,
        "Start signing in with Strava, or connect again with more permissions.",
    )

    disconnect_strava = command(
        athlete.disconnect_strava,
        "Revoke this server's access to an athlete's Strava account.",
    )

    sync_strava = command(
        job.sync_strava,
        "Fetch an athlete's activities from Strava in a background job. If the "
        "athlete already has a sync in progress, that job is returned, even if it "
        "covers something else.",
    )

    stage_uploads = command(
        file_import.stage_uploads,
        "Get an address for each file of recordings to upload: FIT, GPX or TCX, also with gzip, or "
        "a ZIP archive of these, such as Strava's or Garmin's export.",
    )

    import_activities = command(
        file_import.import_activities,
        "Import uploaded files in a background job. What was imported before is recognized by its "
        "content.",
    )

    export_athlete = command(
        export.export_athlete,
        "Make an archive of all that is stored of an athlete, in a background job: its `export` "
        "tells where to download it. If the athlete already has an export in progress, that job is "
        "returned. Only some may be started a day: RATE_LIMITED says when the next may be.",
    )

    retry_sync_problems = command(
        sync_problem.retry_sync_problems,
        "Try activities again now that syncs could not have, in a background job. The athlete's "
        "budget of syncs pays for each.",
    )

    recalculate_personal_bests = command(
        job.recalculate_personal_bests,
        "Recalculate best efforts and personal bests in a background job.",
    )

    recalculate_age_grades = command(
        job.recalculate_age_grades,
        "Recalculate the age grades of best efforts in a background job.",
    )

    cancel_job = command(
        job.cancel_job,
        "Cancel a job: immediately if no worker is processing it, otherwise at its "
        "next checkpoint.",
    )

    retry_job = command(
        job.retry_job,
        "Resume a failed or cancelled job from where it stopped.",
    )

    update_athlete = command(
        athlete.update_athlete,
        "Change an athlete's own data.",
    )

    exclude_best_effort = command(
        athlete.exclude_best_effort,
        "Exclude a best effort from rankings, or include it again. Personal bests are "
        "updated immediately.",
    )

    update_activity = command(
        activity.update_activity,
        "Change what is told of an activity, hide it, or exclude it. Syncs and imports keep the "
        "change.",
    )

    delete_activity = command(
        activity.delete_activity,
        "Delete an activity here, with all that is derived of it. No sync and no import brings it "
        "back; on Strava it stays.",
    )

    restore_activity = command(
        activity.restore_activity,
        "Let an activity that was deleted here come back: in a background job from Strava, or from "
        "its file where that is kept; else by importing the file again.",
    )

    create_gear = command(gear.create_gear, "Add shoes that no source tells of.")

    update_gear = command(gear.update_gear, "Rename gear, or retire it. Syncs keep the change.")

    delete_gear = command(
        gear.delete_gear, "Delete gear. Its activities get other gear, or none; imports keep that."
    )

    choose_recording = command(
        recording.choose_recording,
        "Choose which of several recordings of one run counts, or let the rules choose again.",
    )

    separate_recording = command(
        recording.separate_recording,
        "Say that a recording is not of the run that the rules put it with, or undo that.",
    )

    delete_original = command(
        original.delete_original,
        "Delete the file that recordings were read from. The activities stay. Importing the file "
        "again keeps it again.",
    )

    create_api_token = command(
        api_token.create_api_token,
        "Create an API token. The secret is shown only once. An account can have at "
        "most 50 valid tokens.",
    )

    revoke_api_token = command(
        api_token.revoke_api_token,
        "Permanently revoke an API token and all tokens created with it. A token may "
        "always revoke itself.",
    )

    submit_feedback = command(
        feedback.submit_feedback,
        "Send a message to the operator of this server. Does not require signing in.",
    )
