"""STRAVA_DISCONNECT ends an athlete's connection to Strava; ERASE_ATHLETE also deletes its data.

Arguments: `{"cause"}`, a value of ErasureCause, by default ASKED. What is to go is gone within a
minute of a free worker: if Strava cannot be told by then, it is not told. A receipt stays.

An athlete who has connected again since the job was asked for keeps that connection. Syncs and
archives begun since begin once more when the data is gone; imports of files begun since go on.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row

from db.encryption import UndecipherableSecret
from db.models import NEED_CONNECTION, ErasureCause, JobKind
from db.statements.activities import activity_deletion, deleted_activity, gear
from db.statements.athletes import athlete as athletes
from db.statements.athletes import athlete_change, erasure
from db.statements.athletes import export as exports
from db.statements.files import upload as uploads
from db.statements.jobs import job, job_queue
from db.statements.strava import former_connection, strava_connection
from jobs.athlete_strava import AthleteStrava
from jobs.attempt import Attempt, Step
from jobs.cached_answers import forget_cached_answers
from jobs.strava_tokens import StravaNotConnected
from jobs.sync.changes import note_changes
from jobs.sync.personal_bests import forget_bests, remember_bests, update_bests
from jobs.task_services import TaskServices
from runtime.export_folder import ExportFolder
from runtime.upload_folder import UploadFolder
from strava.bounded_exchange import interrupted_by
from strava.errors import (
    StravaError,
    StravaUnauthorized,
    StravaUnavailable,
    StravaUnreadable,
)

_TELL_FOR_S = 30.0
"""Seconds from the job's start for which Strava is tried to be told."""
_PUT_OFF_S = 60.0
"""Seconds that syncs of an athlete who connected again wait at most for the deletion."""
_RECEIPT = "has_receipt"
_OF_FILES = (JobKind.IMPORT, JobKind.EXPORT)
_KEPT_BY_OLDER_SERVICE = (
    "Rows of the older service could not be deleted. Its operator has to delete them: "
    "docs/adoption.md."
)
_NOT_TOLD = (
    "Strava did not answer and was not told. Remove this server's application in the settings of "
    "your Strava account, under My Apps."
)
_CONNECTED_AGAIN = "Strava was connected again in the meantime. That connection stays."

FolderKind = type[UploadFolder] | type[ExportFolder]


def run(attempt: Attempt, services: TaskServices) -> None:
    """Disconnect. Raises StravaError if Strava cannot be told, and what ends the attempt."""
    assert attempt.athlete_id is not None
    values = {
        "athlete": attempt.athlete_id,
        "job_id": attempt.job_id,
        "asked_moment": attempt.asked_at,
    }
    files: list[tuple[FolderKind, int]] = []
    # What an earlier attempt ended is not ended again: the athlete may have connected since.
    if _RECEIPT not in attempt.checkpoint:
        is_connected_again = _is_connected_again(attempt, values)
        if is_connected_again and not _is_erasure_asked_for(attempt):
            # An athlete who grants again what was withdrawn keeps the data.
            with attempt.step() as step:
                step.message = _CONNECTED_AGAIN
            return
        is_revoked = not is_connected_again and _revoke(attempt, services, values["athlete"])
        files = _end(attempt, services, values, is_revoked=is_revoked)
    if attempt.kind is JobKind.ERASE_ATHLETE:
        _erase_in_older_service(attempt, services, values)
        for folder, number in files:
            folder(services.settings).destroy(number)
        forget_cached_answers(services.settings)


def _is_connected_again(attempt: Attempt, values: dict[str, Any]) -> bool:
    with attempt.read() as connection:
        found: bool = connection.execute(strava_connection.is_newer(), values).scalar_one()
    return found


def _is_erasure_asked_for(attempt: Attempt) -> bool:
    """Whether the athlete wants the data deleted; else it goes because the access ended."""
    return attempt.kind is JobKind.ERASE_ATHLETE and _cause(attempt) == ErasureCause.ASKED.value


def _cause(attempt: Attempt) -> str:
    return str(attempt.arguments.get("cause", ErasureCause.ASKED.value))


def _end(
    attempt: Attempt, services: TaskServices, values: dict[str, Any], *, is_revoked: bool
) -> list[tuple[FolderKind, int]]:
    """End the connection, and delete what is not kept; returns the files that are to go."""
    is_erased = attempt.kind is JobKind.ERASE_ATHLETE
    receipt = {"receipt_cause": _cause(attempt), "kept": not is_erased, "revoked": is_revoked}
    # In its own transaction: a sync holds its job and waits for the connection, so one transaction
    # could deadlock.
    ended_kinds = [*NEED_CONNECTION, *(_OF_FILES if is_erased else ())]
    with attempt.step() as step:
        put_off = _put_off(step.connection, values, is_erased=is_erased)
        later = [row.id for row in put_off]
        going_on = step.connection.execute(erasure.imports_since(), values).scalars().all()
        ended = {
            **values,
            "job_kinds": ended_kinds,
            "spared": [*later, *going_on],
            "is_erased": is_erased,
        }
        cancelled = step.connection.execute(job.cancel_of_athlete(), ended).all()
    attempt.publish_changes([*put_off, *cancelled])
    files = _delete(attempt, values, receipt)
    with attempt.step() as step:  # the reconciler wakes them
        step.connection.execute(job_queue.postpone(), {"ids": later, "seconds": 0.0})
    services.log.info("a connection to Strava was ended", extra=receipt)
    return files


def _put_off(
    connection: Connection, values: dict[str, Any], *, is_erased: bool
) -> Sequence[Row[Any]]:
    """Let jobs that were asked for since wait until the data is gone; returns their summaries."""
    values = {**values, "pause_s": _PUT_OFF_S}
    put_off = list(connection.execute(erasure.put_off_syncs(), values))
    if is_erased:
        put_off += connection.execute(erasure.put_off_exports(), values)
    return put_off


def _delete(
    attempt: Attempt, values: dict[str, Any], receipt: dict[str, Any]
) -> list[tuple[FolderKind, int]]:
    """Delete the connection and, if it is not kept, the data; returns the files that are to go."""
    is_erased = not receipt["kept"]
    with attempt.step() as step:
        # first, like everything that writes an athlete's data
        step.connection.execute(athletes.lock(), values)
        # Writers of Strava's data lock the connection, so nothing is written after the deletion.
        ended = step.connection.execute(strava_connection.disconnect(), values).one_or_none()
        if ended or is_erased:
            step.connection.execute(erasure.write_receipt(), values | receipt)
            step.checkpoint[_RECEIPT] = True
        files = _erase(step, values) if is_erased else []
        note_changes(step.connection, values["athlete"], None, of_athlete=True)
        if ended:
            _keep_for_return(step.connection, values | receipt, ended.strava_athlete_id)
        elif is_erased:
            step.connection.execute(former_connection.forget_erased(), values)
        if step.connection.execute(strava_connection.is_newer(), values).scalar_one():
            if is_erased:
                step.connection.execute(strava_connection.begin_anew(), values)
            step.message = _CONNECTED_AGAIN
        elif not receipt["revoked"]:
            step.message = _NOT_TOLD
        return files


def _keep_for_return(connection: Connection, values: dict[str, Any], strava_athlete: int) -> None:
    """Keep by which number a returning athlete finds what is left here, if something is."""
    for statement in former_connection.keep():
        connection.execute(statement, values | {"strava_athlete": strava_athlete})


def _erase(step: Step, values: dict[str, Any]) -> list[tuple[FolderKind, int]]:
    remember_bests(step, values["athlete"])
    delete_activities, forget_choices = activity_deletion.delete_strava_data()
    deleted = step.connection.execute(delete_activities, values)
    gone, left = activity_deletion.gone_and_left(deleted)
    step.connection.execute(forget_choices, values)
    step.deleted += len(gone)
    step.connection.execute(athlete_change.forget(), values)
    note_changes(step.connection, values["athlete"], None, activities=left, deleted=gone)
    step.connection.execute(deleted_activity.forget_strava_data(), values)
    step.connection.execute(gear.keep_gear_of_files(), values)
    step.connection.execute(gear.delete_strava_gear(), values)
    update_bests(step, values["athlete"])
    forget_bests(step)
    for statement in (*erasure.forget_in_jobs(), *erasure.forget_profile()):
        step.connection.execute(statement, values)
    return _delete_rows_of_files(step.connection, values)


def _delete_rows_of_files(
    connection: Connection, values: dict[str, Any]
) -> list[tuple[FolderKind, int]]:
    """Delete the rows of uploads and archives; returns their files, to be deleted after the commit.

    What a death in between leaves, the reconciler deletes.
    """
    connection.execute(uploads.lock_of_athlete(), values)
    uploaded = connection.execute(uploads.remove_of_athlete(), values).scalars().all()
    exported = connection.execute(exports.remove_of_athlete(), values).scalars().all()
    return [
        *((UploadFolder, number) for number in uploaded),
        *((ExportFolder, number) for number in exported),
    ]


def _erase_in_older_service(
    attempt: Attempt, services: TaskServices, values: dict[str, Any]
) -> None:
    with attempt.step() as step:
        if not step.connection.execute(erasure.older_service()).scalar_one():
            return
        kept = step.connection.execute(erasure.erase_in_older_service(), values).scalar_one()
        if kept:
            step.message = _KEPT_BY_OLDER_SERVICE
            services.log.error("the older service's rows stay", extra={"tables": kept})


def _revoke(attempt: Attempt, services: TaskServices, athlete_id: int) -> bool:
    """Withdraw the grant at Strava; returns False if Strava could not be told in time.

    It is no error if the grant was withdrawn before or its tokens cannot be used.
    """
    passed_s = (attempt.now() - attempt.started_at).total_seconds()
    if passed_s > _TELL_FOR_S or attempt.failures + 1 >= services.settings.job_max_attempts:
        services.log.warning("Strava could not be told that the access ended")
        return False
    try:
        token = AthleteStrava(attempt, services, athlete_id).token()
        with interrupted_by(attempt.check):
            services.strava.revoke(token)
    except (StravaUnauthorized, StravaNotConnected, UndecipherableSecret) as error:
        services.log.info("nothing to revoke at Strava", extra={"reason": str(error)})
    except (StravaUnavailable, StravaUnreadable):
        raise
    except StravaError as error:  # waiting would not help, or take too long
        services.log.warning(
            "Strava is not told that the access ended", extra={"error": str(error)}
        )
        return False
    return True
