"""Changing an athlete's own data."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import strawberry
from sqlalchemy.ext.asyncio import AsyncConnection

from db.models import JobKind, Scope
from db.statements import athlete as athletes
from db.statements import best_effort as efforts
from db.statements import personal_best as bests
from db.statements import sync
from graph.access import not_found, own_athlete, require_scope
from graph.arguments import checked_text
from graph.commands.job import Started, Wanted, create_job, hand_over, load_job, start_job
from graph.context import Info
from graph.errors import InvalidArgument
from graph.ids import decode_id_of
from graph.node import load_node_of
from graph.relation import NO_ARGUMENTS
from graph.types.athlete import ATHLETE_BY_ID, Athlete
from graph.types.athlete_mutation import (
    ExcludeBestEffortInput,
    ExcludeBestEffortPayload,
    UpdateAthleteInput,
    UpdateAthletePayload,
)
from graph.types.job_mutation import DisconnectStravaInput, DisconnectStravaPayload

_FIRST_DAY = date(1900, 1, 1)
_REQUIRED = {"first_name", "last_name", "measurement_system", "shares", "shares_age_grades"}
_TEXTS = {"first_name": "firstName", "last_name": "lastName", "city": "city", "country": "country"}


async def update_athlete(info: Info, wanted: UpdateAthleteInput) -> UpdateAthletePayload:
    """Change what is given; efforts are judged and graded anew where that changes them. Raises Refused, CallerError."""
    athlete_id = await own_athlete(info, wanted.athlete_id, "input.athleteId")
    values = _changes(wanted)
    job: Started | None = None
    async with info.context.database.write() as connection:
        if values:
            before = (await connection.execute(sync.lock_athlete(), {"athlete": athlete_id})).mappings().one()
            await connection.execute(athletes.change(values), {"changed_athlete_id": athlete_id})
            if kind := _follow_up(dict(before), values):
                job = await create_job(connection, info, Wanted(kind, athlete_id, {}))
    if job:
        await hand_over(info, job)
    return UpdateAthletePayload(
        athlete=await _load_athlete(info, athlete_id), job=await load_job(info, job.news["id"]) if job else None
    )


async def exclude_best_effort(info: Info, wanted: ExcludeBestEffortInput) -> ExcludeBestEffortPayload:
    """Let an effort count or not; bests follow in the same transaction. Raises Refused, CallerError."""
    require_scope(info, Scope.SYNC)
    effort_id = decode_id_of("BestEffort", wanted.best_effort_id, "input.bestEffortId")
    viewer = info.context.viewer
    async with info.context.database.write() as connection:
        athlete_id = (await connection.execute(efforts.athlete_of(), {"effort_id": effort_id})).scalar()
        if athlete_id is None or not (viewer.is_admin or athlete_id == viewer.athlete_id):
            raise not_found("input.bestEffortId", "best effort")
        # A sync may be settling the same athlete.
        await connection.execute(sync.lock_athlete(), {"athlete": athlete_id})
        await connection.execute(efforts.exclude(), {"effort_id": effort_id, "is_excluded": wanted.excluded})
        await _follow(connection, athlete_id)
    info.context.forget()
    return ExcludeBestEffortPayload(
        best_effort=await load_node_of(info, "BestEffort", wanted.best_effort_id, "input.bestEffortId"),
        athlete=await _load_athlete(info, athlete_id),
    )


async def disconnect_strava(info: Info, wanted: DisconnectStravaInput) -> DisconnectStravaPayload:
    """Start the job that withdraws the access and, unless the data is kept, erases it. Raises Refused, CallerError."""
    athlete_id = await own_athlete(info, wanted.athlete_id, "input.athleteId")
    kind = JobKind.STRAVA_DISCONNECT if wanted.keep_data else JobKind.ERASE_ATHLETE
    started = await start_job(info, Wanted(kind, athlete_id, {}))
    return DisconnectStravaPayload(
        athlete=await _load_athlete(info, athlete_id), job=await load_job(info, started.news["id"])
    )


async def _follow(connection: AsyncConnection, athlete_id: int) -> None:
    await connection.execute(efforts.recount(), {"athlete": athlete_id})
    for statement in bests.recalculate():
        await connection.execute(statement, {"athlete_ids": [athlete_id]})


async def _load_athlete(info: Info, athlete_id: int) -> Athlete:
    info.context.forget()
    found: Athlete = await info.context.loaders.lookup(ATHLETE_BY_ID, NO_ARGUMENTS, athlete_id)
    return found


def _changes(wanted: UpdateAthleteInput) -> dict[str, Any]:
    """Make column → value of what is given. Raises CallerError naming the field."""
    given = {name: value for name, value in vars(wanted).items() if value is not strawberry.UNSET}
    given.pop("athlete_id")
    for name in _REQUIRED & given.keys():
        if given[name] is None:
            raise InvalidArgument("It cannot be null. Leave it out to keep it.", f"input.{_public(name)}")
    for name, public in _TEXTS.items():
        if name in given:
            given[name] = checked_text(given[name], f"input.{public}", max_length=100)
    # A day ahead of UTC, it may be tomorrow already.
    tomorrow = datetime.now(UTC).date() + timedelta(days=1)
    if (born := given.get("birth_date")) is not None and not _FIRST_DAY <= born <= tomorrow:
        raise InvalidArgument("A birth date lies between 1900-01-01 and today.", "input.birthDate")
    return given


def _follow_up(before: dict[str, Any], values: dict[str, Any]) -> JobKind | None:
    """Tell which recalculation a change needs: sex decides which efforts are plausible, both their grade."""
    if "sex" in values and values["sex"] != before["sex"]:
        return JobKind.PERSONAL_BESTS
    if "birth_date" in values and values["birth_date"] != before["birth_date"]:
        return JobKind.AGE_GRADES
    return None


def _public(name: str) -> str:
    head, *tail = name.split("_")
    return head + "".join(part.title() for part in tail)
