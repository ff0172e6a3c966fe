"""Commands that take files of recordings."""

from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from db.models import JobKind
from db.statements.files import upload as statements
from db.statements.jobs import job as jobs
from graph.commands.authorization import not_found, own_athlete
from graph.commands.idempotency import FIELD as KEY_FIELD
from graph.commands.idempotency import RequestKey
from graph.commands.job import (
    JobRequest,
    StartedJob,
    create_job,
    find_job,
    hand_over,
    load_job,
)
from graph.context import Context, UploadRules
from graph.errors import InvalidArgument, OutOfRange
from graph.global_id import decode_id_of, encode_id
from graph.input_checks import InputChecks, checked_text
from graph.types.enums import UserErrorCode
from graph.types.import_mutation import (
    FileToStage,
    ImportActivitiesInput,
    ImportActivitiesPayload,
    StagedUpload,
    StageUploadsInput,
    StageUploadsPayload,
)
from graph.types.payload import MutationRefused
from runtime.work_meter import waiting_for_lock

_MOST_AT_ONCE = 100
_LONGEST_NAME = 500
_GB = 2**30
_FULL = (
    "The uploads of this server take as much room as they may (UPLOADS_MAX_BYTES). Try again when "
    "some have been imported."
)


async def stage_uploads(context: Context, wanted: StageUploadsInput) -> StageUploadsPayload:
    """Take room for files and make their addresses. Raises MutationRefused, CallerError."""
    athlete_id = await own_athlete(context, wanted.athlete_id, "input.athleteId")
    rules = context.write_rules().uploads
    files = _checked_files(wanted.files, rules)
    key = RequestKey.from_input(context, "stageUploads", wanted)

    async def stage(connection: AsyncConnection) -> Sequence[Any]:
        if key and (made := await key.take(connection)):
            return await _staged_before(connection, athlete_id, made["result_id"], len(files))
        with waiting_for_lock():
            await connection.execute(statements.lock_room())
        await _check_room(connection, rules, athlete_id, files)
        values = {"athlete": athlete_id, "lifetime_s": rules.lifetime_s}
        rows = (await connection.execute(statements.create(files), values)).all()
        if key:
            await key.record(connection, result_id=rows[0].id)
        return rows

    made = await context.database.writing(stage)
    return StageUploadsPayload(uploads=_in_order(files, made, rules))


async def import_activities(
    context: Context, wanted: ImportActivitiesInput
) -> ImportActivitiesPayload:
    """Start a job that imports uploads. Raises MutationRefused, CallerError."""
    athlete_id = await own_athlete(context, wanted.athlete_id, "input.athleteId")
    ids = _upload_ids(wanted.upload_ids)
    key = RequestKey.from_input(context, "importActivities", wanted)
    request = JobRequest(
        JobKind.IMPORT, athlete_id, {"uploads": ids, "visibility": wanted.visibility.value}
    )

    async def start(connection: AsyncConnection) -> StartedJob:
        made = await key.take(connection) if key else None
        if made:
            return await find_job(connection, made["job_id"])
        started = await create_job(connection, context, request)
        if started.created:
            await _take_uploads(connection, athlete_id, ids, started.news["id"])
        else:
            await _require_same(connection, request, started.news["id"])
        if key:
            await key.record(connection, job_id=started.news["id"])
        return started

    started = await context.database.writing(start)
    await hand_over(context, started)
    return ImportActivitiesPayload(job=await load_job(context, started.news["id"]))


async def _staged_before(
    connection: AsyncConnection, athlete_id: int, upload_id: int, count: int
) -> Sequence[Any]:
    """Find the uploads that were staged with a key, by one of them. Raises MutationRefused."""
    values = {"athlete": athlete_id, "upload": upload_id}
    rows = (await connection.execute(statements.created_with(), values)).all()
    if len(rows) < count:
        message = (
            "Uploads that were staged with this key have been imported or deleted since, or have "
            "expired. Use a new key to stage others."
        )
        raise MutationRefused(UserErrorCode.CONFLICT, message, KEY_FIELD)
    return rows


def _checked_files(files: Sequence[FileToStage], rules: UploadRules) -> list[dict[str, Any]]:
    if not 1 <= len(files) <= _MOST_AT_ONCE:
        raise OutOfRange("input.files", 1, _MOST_AT_ONCE, "entries long")
    checks = InputChecks()
    checked: list[dict[str, Any]] = []
    for place, file in enumerate(files):
        field = f"input.files[{place}]"
        values: dict[str, Any] = {}
        with checks.of_field():
            values["file_name"] = _checked_name(file.name, f"{field}.name")
        with checks.of_field():
            values["size_bytes"] = _checked_size(file.size_bytes, f"{field}.sizeBytes", rules)
        checked.append(values)
    checks.finish()
    return checked


def _checked_name(given: str, field: str) -> str:
    name = checked_text(given, field, min_length=1, max_length=_LONGEST_NAME, is_line=True) or ""
    name = PurePosixPath(name.replace("\\", "/")).name
    if not name.strip(". "):
        raise InvalidArgument(field, "is no name of a file, such as run.fit.")
    return name


def _checked_size(size: float, field: str, rules: UploadRules) -> int:
    if not size.is_integer():
        raise InvalidArgument(field, "must be a whole number.")
    if not 1 <= size <= rules.max_bytes:
        raise InvalidArgument(field, f"must be between 1 and {rules.max_bytes} (UPLOAD_MAX_BYTES).")
    return int(size)


async def _check_room(
    connection: AsyncConnection, rules: UploadRules, athlete_id: int, files: list[dict[str, Any]]
) -> None:
    taken = (await connection.execute(statements.room_taken(), {"athlete": athlete_id})).one()
    more = sum(each["size_bytes"] for each in files)
    if taken.own_count + len(files) > rules.per_athlete:
        message = (
            f"An athlete may have {rules.per_athlete} uploads staged. Import or delete some first, "
            "or pack several files into a ZIP archive."
        )
        raise MutationRefused(UserErrorCode.CONFLICT, message, "input.files")
    if taken.own_bytes + more > rules.max_bytes:
        message = (
            f"The athlete's uploads may have {rules.max_bytes / _GB:.3g} GB together. Import or "
            "delete some first."
        )
        raise MutationRefused(UserErrorCode.CONFLICT, message, "input.files")
    if taken.all_bytes + more > rules.all_max_bytes:
        raise MutationRefused(UserErrorCode.CONFLICT, _FULL, "input.files")


def _in_order(
    files: list[dict[str, Any]], made: Sequence[Any], rules: UploadRules
) -> list[StagedUpload]:
    """Match the rows, which come in no order, with the files. Equal files may be swapped."""
    left: dict[tuple[str, int], list[Any]] = {}
    for row in made:
        left.setdefault((row.file_name, row.size_bytes), []).append(row)
    rows = [left[each["file_name"], each["size_bytes"]].pop() for each in files]
    return [
        StagedUpload(
            id=encode_id("Upload", row.id),  # type: ignore[arg-type]
            url=rules.url_of(row.id, row.expires_at),
            name=row.file_name,
            size_bytes=float(row.size_bytes),
            expires_at=row.expires_at,
        )
        for row in rows
    ]


def _upload_ids(given: Sequence[str]) -> list[int]:
    if not 1 <= len(given) <= _MOST_AT_ONCE:
        raise OutOfRange("input.uploadIds", 1, _MOST_AT_ONCE, "entries long")
    ids = [
        decode_id_of("Upload", each, f"input.uploadIds[{place}]")
        for place, each in enumerate(given)
    ]
    if len(set(ids)) < len(ids):
        raise InvalidArgument("input.uploadIds", "names an upload twice. Name each once.")
    return ids


async def _take_uploads(
    connection: AsyncConnection, athlete_id: int, ids: list[int], job_id: int
) -> None:
    """Give uploads to a new job, the athlete's only active import. Raises MutationRefused."""
    values = {"athlete": athlete_id, "uploads": ids}
    with waiting_for_lock():
        found = {row.id: row for row in await connection.execute(statements.of_athlete(), values)}
    for place, each in enumerate(ids):
        field, row = f"input.uploadIds[{place}]", found.get(each)
        if row is None:
            raise not_found(field, "upload")
        if row.received_bytes < row.size_bytes:
            message = (
                f"{row.received_bytes} of {row.size_bytes} bytes of {row.file_name!r} "
                "have arrived. "
                "Send the rest first."
            )
            raise MutationRefused(UserErrorCode.CONFLICT, message, field)
    await connection.execute(statements.give_to_job(), {"uploads": ids, "job_id": job_id})


async def _require_same(connection: AsyncConnection, wanted: JobRequest, job_id: int) -> None:
    """Refuse unless the import in progress is the wanted one, as when a request is repeated."""
    ids = wanted.arguments["uploads"]
    of_job = await connection.execute(statements.of_job(), {"uploads": ids, "job_id": job_id})
    if len(of_job.all()) < len(ids):
        message = "An import of this athlete is in progress. Start this one when it has ended."
        raise MutationRefused(UserErrorCode.CONFLICT, message, "input.athleteId")
    given = (await connection.execute(jobs.arguments(), {"job_id": job_id})).scalar_one()
    if given["visibility"] != wanted.arguments["visibility"]:
        message = (
            f"These files are being imported already, with the visibility {given['visibility']}. "
            "Pass that, or use cancelJob and import them again."
        )
        raise MutationRefused(UserErrorCode.CONFLICT, message, "input.visibility")
