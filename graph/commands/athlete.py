"""Commands that change an athlete's own data."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection
from strawberry.utils.str_converters import to_camel_case

from athletics.training_load import (
    LEAST_MAX_BPM,
    LEAST_RESTING_BPM,
    MOST_MAX_BPM,
    MOST_RESTING_BPM,
)
from db.models import JobKind, Scope
from db.statements.activities import activity_edit
from db.statements.athletes import athlete as athletes
from db.statements.jobs import job as jobs
from db.statements.performance import best_effort as efforts
from graph.commands.authorization import may_change, not_found, own_athlete, require_scope
from graph.commands.best_changes import (
    BestChange,
    load_changes,
    note_changes,
    recalculate_distance,
    tell_changes,
)
from graph.commands.heart_rate import NewZones, read_zones
from graph.commands.idempotency import RequestKey
from graph.commands.job import (
    JobRequest,
    StartedJob,
    create_job,
    find_job,
    hand_over,
    load_job,
    start_job,
)
from graph.context import Context
from graph.errors import InvalidArgument
from graph.input_checks import (
    InputChecks,
    checked_number,
    checked_text,
    drop_forbidden_nulls,
)
from graph.mapping.relation import NO_ARGUMENTS
from graph.types.athlete import ATHLETE_BY_ID, Athlete
from graph.types.athlete_mutation import (
    ExcludeBestEffortInput,
    ExcludeBestEffortPayload,
    UpdateAthleteInput,
    UpdateAthletePayload,
)
from graph.types.job_mutation import DisconnectStravaInput, DisconnectStravaPayload
from graph.types.node_lookup import find_row_id, load_node_of
from runtime.work_meter import waiting_for_lock

_LEAST_RADIUS_M, _MOST_RADIUS_M = 100, 5000
_FIRST_DAY = date(1900, 1, 1)
_REQUIRED = {
    "first_name",
    "last_name",
    "measurement_system",
    "shares",
    "shares_age_grades",
    "hidden_radius_meters",
    "heart_rate_zones",
}
_TEXTS = ("first_name", "last_name", "city", "country")
_HEART_RATES = {
    "resting_heart_rate": (LEAST_RESTING_BPM, MOST_RESTING_BPM),
    "max_heart_rate": (LEAST_MAX_BPM, MOST_MAX_BPM),
}


async def update_athlete(context: Context, wanted: UpdateAthleteInput) -> UpdateAthletePayload:
    """Change the given fields. A job recalculates efforts or grades that depend on them.

    Raises MutationRefused, CallerError.
    """
    athlete_id = await own_athlete(context, wanted.athlete_id, "input.athleteId")
    values, zones = _changes(wanted)
    key = RequestKey.from_input(context, "updateAthlete", wanted)

    async def change(connection: AsyncConnection) -> StartedJob | None:
        if key and (made := await key.take(connection)):
            return await find_job(connection, made["job_id"]) if made["job_id"] else None
        with waiting_for_lock():
            locked = await connection.execute(athletes.lock(), {"athlete": athlete_id})
        before = dict(locked.mappings().one())
        if zones:
            await zones.write(connection, athlete_id)
        if values:
            await connection.execute(athletes.change(values), {"changed_athlete_id": athlete_id})
        await note_changes(connection, athlete_id, [], of_athlete=True)
        kind = _follow_up(before, values)
        if kind is None:
            return None
        started = await create_job(connection, context, JobRequest(kind, athlete_id, {}))
        if key:
            await key.record(connection, job_id=started.news["id"])
        return started

    job = None
    if values or zones:
        job = await context.database.writing(change)
        await tell_changes(context, athlete_id)
    if job:
        await hand_over(context, job)
    return UpdateAthletePayload(
        athlete=await load_athlete(context, athlete_id),
        job=await load_job(context, job.news["id"]) if job else None,
    )


async def exclude_best_effort(
    context: Context, wanted: ExcludeBestEffortInput
) -> ExcludeBestEffortPayload:
    """Exclude or include a best effort, and update personal bests in the same transaction.

    Raises MutationRefused, CallerError.
    """
    require_scope(context, Scope.SYNC)
    effort_id = await find_row_id(
        context, "BestEffort", wanted.best_effort_id, "input.bestEffortId"
    )
    if effort_id is None:
        raise not_found("input.bestEffortId", "best effort")

    async def exclude(connection: AsyncConnection) -> tuple[int, list[BestChange]]:
        owner = await connection.execute(efforts.owner_of(), {"effort_id": effort_id})
        row = owner.first()
        if row is None or not may_change(context, row.athlete_id):
            raise not_found("input.bestEffortId", "best effort")
        athlete_id: int = row.athlete_id
        with waiting_for_lock():  # a sync may be recalculating the same athlete
            await connection.execute(athletes.lock(), {"athlete": athlete_id})
        changed = await connection.execute(
            efforts.exclude(), {"effort_id": effort_id, "is_excluded": wanted.excluded}
        )
        if changed.first() is None:
            return athlete_id, []
        # its run may be another since: who held the lock may have changed that
        row = (await connection.execute(efforts.owner_of(), {"effort_id": effort_id})).one()
        others = await connection.execute(
            activity_edit.others_of_run(), {"run": row.run_id, "activity": row.activity_id}
        )
        of_run = [row.activity_id, *others.scalars()]
        changes = await recalculate_distance(connection, athlete_id, row.distance, of_run)
        await note_changes(connection, athlete_id, changes, activities=[row.activity_id])
        return athlete_id, changes

    athlete_id, changes = await context.database.writing(exclude)
    await tell_changes(context, athlete_id)
    context.forget()
    return ExcludeBestEffortPayload(
        best_effort=await load_node_of(
            context, "BestEffort", wanted.best_effort_id, "input.bestEffortId"
        ),
        athlete=await load_athlete(context, athlete_id),
        personal_best_changes=await load_changes(context, athlete_id, changes),
    )


async def disconnect_strava(
    context: Context, wanted: DisconnectStravaInput
) -> DisconnectStravaPayload:
    """Start the job that revokes the access and, unless the data is kept, erases it.

    Raises MutationRefused, CallerError.
    """
    athlete_id = await own_athlete(context, wanted.athlete_id, "input.athleteId")
    kind = JobKind.STRAVA_DISCONNECT if wanted.keep_data else JobKind.ERASE_ATHLETE

    async def ask_anew(connection: AsyncConnection) -> None:
        # one that a revocation started would spare who has connected again since
        with waiting_for_lock():
            await connection.execute(jobs.ask_anew(), {"athlete": athlete_id, "job_kind": kind})

    started = await start_job(
        context,
        JobRequest(kind, athlete_id, {}),
        RequestKey.from_input(context, "disconnectStrava", wanted),
        prepare=ask_anew,
    )
    return DisconnectStravaPayload(
        athlete=await load_athlete(context, athlete_id),
        job=await load_job(context, started.news["id"]),
    )


async def load_athlete(context: Context, athlete_id: int) -> Athlete:
    """Load an athlete as it is now."""
    context.forget()
    found: Athlete = await context.loaders.lookup(ATHLETE_BY_ID, NO_ARGUMENTS, athlete_id)
    return found


def _changes(wanted: UpdateAthleteInput) -> tuple[dict[str, Any], NewZones | None]:
    """Map columns to the given values, and read the zones. Raises CallerError naming the fields."""
    given, checks = wanted.given(), InputChecks()
    drop_forbidden_nulls(given, _REQUIRED, checks)
    for name in _TEXTS:
        if name in given:
            with checks.of_field():
                field = f"input.{to_camel_case(name)}"
                text = checked_text(given[name], field, max_length=100, is_line=True)
                given[name] = text if name in _REQUIRED else text or None
    with checks.of_field():
        _check_birth_date(given.get("birth_date"))
    if "hidden_radius_meters" in given:
        radius_m = given["hidden_radius_m"] = given.pop("hidden_radius_meters")
        with checks.of_field():
            _check_radius(radius_m)
    for name, (least, most) in _HEART_RATES.items():
        if name in given:
            field, value = f"input.{to_camel_case(name)}", given.pop(name)
            with checks.of_field():
                given[f"{name}_bpm"] = checked_number(value, field, least, most)
    zones = None
    with checks.of_field():
        zones = read_zones(given.pop("heart_rate_zones", None))
    checks.finish()
    return given, zones


def _check_birth_date(born: date | None) -> None:
    # in some time zones it is already tomorrow
    tomorrow = datetime.now(UTC).date() + timedelta(days=1)
    if born is not None and not _FIRST_DAY <= born <= tomorrow:
        raise InvalidArgument("input.birthDate", "must be between 1900-01-01 and today.")


def _check_radius(radius_m: int) -> None:
    if radius_m != 0 and not _LEAST_RADIUS_M <= radius_m <= _MOST_RADIUS_M:
        raise InvalidArgument(
            "input.hiddenRadiusMeters",
            f"must be 0, or from {_LEAST_RADIUS_M} to {_MOST_RADIUS_M}.",
        )


def _follow_up(before: dict[str, Any], values: dict[str, Any]) -> JobKind | None:
    """Get the recalculation a change requires.

    Sex decides which efforts are plausible; sex and birth date decide their grades.
    """
    if "sex" in values and values["sex"] != before["sex"]:
        return JobKind.PERSONAL_BESTS
    if "birth_date" in values and values["birth_date"] != before["birth_date"]:
        return JobKind.AGE_GRADES
    return None
