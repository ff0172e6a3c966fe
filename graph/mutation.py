"""The root of mutations. What they do is in `graph/commands/`."""

from collections.abc import Callable
from typing import Annotated, Any

import strawberry

from db.models import JobKind
from graph.commands import account, athlete, job
from graph.context import Info
from graph.cost_directives import MUTATION, weighing
from graph.refusal import refusable
from graph.types.account_mutation import (
    CreateApiTokenInput,
    CreateApiTokenPayload,
    RevokeApiTokenInput,
    RevokeApiTokenPayload,
    SubmitFeedbackInput,
    SubmitFeedbackPayload,
)
from graph.types.athlete_mutation import (
    ExcludeBestEffortInput,
    ExcludeBestEffortPayload,
    UpdateAthleteInput,
    UpdateAthletePayload,
)
from graph.types.job_mutation import (
    CancelJobInput,
    ConnectStravaPayload,
    DisconnectStravaInput,
    DisconnectStravaPayload,
    JobPayload,
    RecalculateInput,
    RetryJobInput,
    SyncStravaInput,
    SyncStravaPayload,
)

_WANTED = strawberry.argument(description="What is wanted.")


def _mutation(description: str) -> Callable[[Callable[..., Any]], Any]:
    declare: Callable[[Callable[..., Any]], Any] = strawberry.mutation(
        description=description, directives=[weighing(MUTATION)]
    )
    return declare


@strawberry.type(description="What can be changed. An expected failure is in the payload's `userErrors`.")
class Mutation:
    """Root fields."""

    @_mutation(description="Begin to sign in with Strava; also for connecting again with more scopes.")
    @refusable(ConnectStravaPayload)
    async def connect_strava(self, info: Info) -> ConnectStravaPayload:
        return ConnectStravaPayload(authorization_url=info.context.begin_sign_in())

    @_mutation(description="Withdraw this server's access to an athlete's Strava account.")
    @refusable(DisconnectStravaPayload)
    async def disconnect_strava(
        self,
        info: Info,
        input: Annotated[DisconnectStravaInput, _WANTED],  # noqa: A002
    ) -> DisconnectStravaPayload:
        return await athlete.disconnect_strava(info, input)

    @_mutation(
        description="Fetch an athlete's activities from Strava, in a job. While one runs, asking again returns "
        "that one, whatever it covers."
    )
    @refusable(SyncStravaPayload)
    async def sync_strava(
        self,
        info: Info,
        input: Annotated[SyncStravaInput, _WANTED],  # noqa: A002
    ) -> SyncStravaPayload:
        return await job.sync_strava(info, input)

    @_mutation(description="Derive best efforts and personal bests anew, in a job.")
    @refusable(JobPayload)
    async def recalculate_personal_bests(
        self,
        info: Info,
        input: Annotated[RecalculateInput, _WANTED],  # noqa: A002
    ) -> JobPayload:
        return await job.recalculate(info, JobKind.PERSONAL_BESTS, input.athlete_id)

    @_mutation(description="Grade all best efforts anew, in a job.")
    @refusable(JobPayload)
    async def recalculate_age_grades(
        self,
        info: Info,
        input: Annotated[RecalculateInput, _WANTED],  # noqa: A002
    ) -> JobPayload:
        return await job.recalculate(info, JobKind.AGE_GRADES, input.athlete_id)

    @_mutation(description="Stop a job: at once if no worker is at it, else at its next checkpoint.")
    @refusable(JobPayload)
    async def cancel_job(self, info: Info, input: Annotated[CancelJobInput, _WANTED]) -> JobPayload:  # noqa: A002
        return await job.cancel_job(info, input.id)

    @_mutation(description="Let a failed or cancelled job go on from where it stopped.")
    @refusable(JobPayload)
    async def retry_job(self, info: Info, input: Annotated[RetryJobInput, _WANTED]) -> JobPayload:  # noqa: A002
        return await job.retry_job(info, input.id)

    @_mutation(description="Change an athlete's own data.")
    @refusable(UpdateAthletePayload)
    async def update_athlete(
        self,
        info: Info,
        input: Annotated[UpdateAthleteInput, _WANTED],  # noqa: A002
    ) -> UpdateAthletePayload:
        return await athlete.update_athlete(info, input)

    @_mutation(description="Let a best effort count no longer, or again; personal bests follow at once.")
    @refusable(ExcludeBestEffortPayload)
    async def exclude_best_effort(
        self,
        info: Info,
        input: Annotated[ExcludeBestEffortInput, _WANTED],  # noqa: A002
    ) -> ExcludeBestEffortPayload:
        return await athlete.exclude_best_effort(info, input)

    @_mutation(description="Make an API token, of at most 50 that work. Its secret is shown this once.")
    @refusable(CreateApiTokenPayload)
    async def create_api_token(
        self,
        info: Info,
        input: Annotated[CreateApiTokenInput, _WANTED],  # noqa: A002
    ) -> CreateApiTokenPayload:
        return await account.create_api_token(info, input)

    @_mutation(description="Revoke an API token and those made with it, for good. A token may always revoke itself.")
    @refusable(RevokeApiTokenPayload)
    async def revoke_api_token(
        self,
        info: Info,
        input: Annotated[RevokeApiTokenInput, _WANTED],  # noqa: A002
    ) -> RevokeApiTokenPayload:
        return await account.revoke_api_token(info, input.id)

    @_mutation(description="Say something to the operator of this server; signed in or not.")
    @refusable(SubmitFeedbackPayload)
    async def submit_feedback(
        self,
        info: Info,
        input: Annotated[SubmitFeedbackInput, _WANTED],  # noqa: A002
    ) -> SubmitFeedbackPayload:
        return await account.submit_feedback(info, input)
