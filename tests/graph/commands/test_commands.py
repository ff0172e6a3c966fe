"""Every command runs by a plain call, without Strawberry."""

import inspect
from importlib import import_module
from pkgutil import iter_modules

import pytest

from db.models import Scope
from db.statements.visibility import Viewer
from graph import commands
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
from graph.context import Caller, Context, UploadRules, WriteRules
from graph.global_id import encode_id
from graph.types.account_mutation import (
    CreateApiTokenInput,
    RevokeApiTokenInput,
    SubmitFeedbackInput,
)
from graph.types.activity_mutation import (
    DeleteActivityInput,
    RestoreActivityInput,
    UpdateActivityInput,
)
from graph.types.athlete_mutation import ExcludeBestEffortInput, UpdateAthleteInput
from graph.types.gear_mutation import CreateGearInput, DeleteGearInput, UpdateGearInput
from graph.types.import_mutation import FileToStage, ImportActivitiesInput, StageUploadsInput
from graph.types.job_mutation import (
    CancelJobInput,
    DisconnectStravaInput,
    ExportAthleteInput,
    RecalculateInput,
    RetryJobInput,
    RetrySyncProblemsInput,
    SyncStravaInput,
)
from graph.types.original_mutation import DeleteOriginalInput
from graph.types.payload import MutationRefused, Payload
from graph.types.recording_mutation import ChooseRecordingInput, SeparateRecordingInput
from tests import factories as make
from tests.originals import create_original

pytestmark = pytest.mark.anyio

INPUTS = {
    athlete.update_athlete: lambda ids: UpdateAthleteInput(
        athlete_id=ids["athlete"], city="Recife"
    ),
    athlete.exclude_best_effort: lambda ids: ExcludeBestEffortInput(
        best_effort_id=ids["effort"], excluded=True
    ),
    athlete.disconnect_strava: lambda ids: DisconnectStravaInput(
        athlete_id=ids["athlete"], keep_data=True
    ),
    activity.update_activity: lambda ids: UpdateActivityInput(
        activity_id=ids["activity"], name="Tempo"
    ),
    activity.delete_activity: lambda ids: DeleteActivityInput(activity_id=ids["activity"]),
    activity.restore_activity: lambda ids: RestoreActivityInput(activity_id=ids["deleted"]),
    gear.create_gear: lambda ids: CreateGearInput(athlete_id=ids["athlete"], name="Fast"),
    gear.update_gear: lambda ids: UpdateGearInput(gear_id=ids["gear"], retired=True),
    gear.delete_gear: lambda ids: DeleteGearInput(
        gear_id=ids["gear"], replacement_id=ids["other gear"]
    ),
    job.sync_strava: lambda ids: SyncStravaInput(athlete_id=ids["athlete"]),
    job.recalculate_personal_bests: lambda ids: RecalculateInput(athlete_id=ids["athlete"]),
    job.recalculate_age_grades: lambda ids: RecalculateInput(athlete_id=ids["athlete"]),
    job.cancel_job: lambda ids: CancelJobInput(id=ids["queued"]),
    job.retry_job: lambda ids: RetryJobInput(id=ids["failed"]),
    api_token.create_api_token: lambda _: CreateApiTokenInput(name="mine", scopes=[Scope.READ]),
    api_token.revoke_api_token: lambda ids: RevokeApiTokenInput(id=ids["token"]),
    feedback.submit_feedback: lambda _: SubmitFeedbackInput(message="It is good."),
    file_import.stage_uploads: lambda ids: StageUploadsInput(
        athlete_id=ids["athlete"], files=[FileToStage(name="a.fit", size_bytes=9.0)]
    ),
    file_import.import_activities: lambda ids: ImportActivitiesInput(
        athlete_id=ids["athlete"], upload_ids=[ids["upload"]]
    ),
    export.export_athlete: lambda ids: ExportAthleteInput(athlete_id=ids["athlete"]),
    original.delete_original: lambda ids: DeleteOriginalInput(id=ids["original"]),
    recording.choose_recording: lambda ids: ChooseRecordingInput(
        activity_id=ids["activity"], undo=True
    ),
    recording.separate_recording: lambda ids: SeparateRecordingInput(activity_id=ids["activity"]),
    sync_problem.retry_sync_problems: lambda ids: RetrySyncProblemsInput(athlete_id=ids["athlete"]),
}
"""An accepted input for each command, made from the ids of what there is."""


def test_every_command_is_in_the_table():
    modules = [
        import_module(f"graph.commands.{each.name}") for each in iter_modules(commands.__path__)
    ]
    found = {
        function
        for module in modules
        for function in vars(module).values()
        if inspect.iscoroutinefunction(function)
        and function.__module__ == module.__name__
        and str(inspect.signature(function).return_annotation).endswith("Payload'>")
        and not function.__name__.startswith("_")
    }
    assert found == set(INPUTS)


@pytest.fixture
def person(shared_db):
    return make.create_person(shared_db)


@pytest.fixture
def ids(shared_db, person):
    db = shared_db
    activity = make.create_activity(db, person.athlete_id)
    make.create_connection(db, person.athlete_id)
    queued = make.create_job(db, person.athlete_id, status="QUEUED", kind="STRAVA_SYNC")
    failed = make.create_job(db, person.athlete_id, status="FAILED", kind="ERASE_ATHLETE")
    token = db.exec_driver_sql(
        "SELECT id FROM api_tokens WHERE account_id = %s", (person.account_id,)
    ).scalar_one()
    deleted = make.create_deleted_activity(db, person.athlete_id)
    make.create_sync_problem(db, person)
    kept = create_original(db, person.athlete_id, activity)
    return {
        "athlete": encode_id("Athlete", person.athlete_id),
        "activity": encode_id("Activity", activity),
        "deleted": encode_id("Activity", deleted),
        "gear": encode_id("Gear", make.create_gear(db, person.athlete_id, strava_id=None)),
        "other gear": encode_id("Gear", make.create_gear(db, person.athlete_id)),
        "effort": encode_id("BestEffort", make.create_best_effort(db, activity)),
        "queued": encode_id("Job", queued),
        "failed": encode_id("Job", failed),
        "token": encode_id("ApiToken", token),
        "upload": encode_id("Upload", make.create_upload(db, person.athlete_id)),
        "original": encode_id("Original", kept),
    }


def rules_of(sender: str) -> WriteRules:
    return WriteRules(
        sender=sender,
        idempotency_key_lifetime_s=86_400,
        feedback_per_caller=20,
        feedback_max=10_000,
        uploads=UploadRules(1_000, 1_000_000, 100, 60, lambda number, _: f"/uploads/{number}"),
        sync_budget_requests=0,
        sync_budget_refill_per_h=1,
        count_export=None,
    )


@pytest.fixture
def context_of(shared_api):
    """Makes the context of a caller with these scopes."""
    services = shared_api.app.state.services

    def make_context(person, *scopes: Scope) -> Context:
        return Context(
            database=services.database,
            jobs=services.jobs,
            job_feeds=services.job_feeds,
            caller=Caller(Viewer(person.account_id, person.athlete_id), frozenset(scopes)),
            request_id="test",
            begin_sign_in=str,
            budget=lambda: services.budgets.of(person.account_id, ""),
            record_operation=lambda _: None,
            callers_changed=services.identity.forget_callers,
            write_rules=lambda: rules_of(f"account:{person.account_id}"),
            executor=services.executor,
            originals=services.originals,
        )

    return make_context


@pytest.mark.parametrize("command", INPUTS, ids=lambda command: command.__name__)
async def test_it_does_what_is_asked(command, context_of, person, ids):
    payload = await command(context_of(person, Scope.READ, Scope.SYNC), INPUTS[command](ids))
    assert isinstance(payload, Payload)
    assert payload.user_errors == []
    # nothing to recalculate, and nothing to fetch of what came from a file
    without_job = {athlete.update_athlete, activity.restore_activity}
    optional = {"job"} if command in without_job else set()
    assert {name for name, value in vars(payload).items() if value is None} == optional


@pytest.mark.parametrize("command", INPUTS, ids=lambda command: command.__name__)
async def test_it_refuses_who_may_not(command, context_of, person, ids):
    if command is feedback.submit_feedback:
        return  # anybody may
    with pytest.raises(MutationRefused):
        await command(context_of(person), INPUTS[command](ids))
