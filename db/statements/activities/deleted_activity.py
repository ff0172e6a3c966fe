"""Activities that their athletes delete here, and what is kept so that they do not come back."""

from functools import cache

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Executable,
    any_,
    bindparam,
    case,
    delete,
    exists,
    insert,
    select,
    union,
    update,
)

from db.models import Activity, DeletedActivity, ImportedFile, OldId, Original, SyncProblem
from db.models.old_id import RENUMBERED
from db.statements.activities.activity_deletion import delete_where
from db.statements.ordering import Ordering
from db.statements.page import Collection

DELETED_OF_ATHLETE = Collection(DeletedActivity, parent=DeletedActivity.athlete_id)
NEWEST = Ordering(DeletedActivity.deleted_at, DeletedActivity.id, descending=True)

_ACTIVITY_ID = bindparam("activity", type_=BigInteger)
_ATHLETE_ID = bindparam("athlete", type_=BigInteger)


def delete_activity() -> tuple[Executable, ...]:
    """Make the statements that delete `activity` with what is derived of it. Lock the athlete.

    Run them in this order, in one transaction. The last is as `delete_where`.
    """
    columns = (Activity.id, Activity.athlete_id, Activity.strava_id)
    names = [each.key for each in columns]
    mine = Activity.id == _ACTIVITY_ID
    problem = select(Activity.strava_id).where(mine).scalar_subquery()
    athlete = select(Activity.athlete_id).where(mine).scalar_subquery()
    # Strava's own recording of the run, which stays and goes on following Strava.
    is_here_too = exists().where(
        Activity.athlete_id == ImportedFile.athlete_id, Activity.strava_id == ImportedFile.strava_id
    )
    return (
        insert(DeletedActivity).from_select(names, select(*columns).where(mine)),
        update(ImportedFile)
        .where(ImportedFile.activity_id == _ACTIVITY_ID)
        .values(
            activity_id=None,
            deleted_activity_id=_ACTIVITY_ID,
            strava_id=case((~is_here_too, ImportedFile.strava_id)),
        ),
        delete(SyncProblem).where(
            SyncProblem.athlete_id == athlete, SyncProblem.strava_id == problem
        ),
        delete_where(mine),
    )


def owner_of() -> Executable:
    """Select `athlete_id` and `strava_id` of the deleted `activity`."""
    return select(DeletedActivity.athlete_id, DeletedActivity.strava_id).where(
        DeletedActivity.id == _ACTIVITY_ID
    )


def of_old_id() -> Executable:
    """Select the id of the activity, which may have been deleted, that had `old_id` before 0.3."""
    return select(OldId.new_id).where(
        OldId.type_name == RENUMBERED[Activity],
        OldId.old_id == bindparam("old_id", type_=BigInteger),
    )


def kept_original() -> Executable:
    """Select the id of the original that the deleted `activity` was read from, if it is kept."""
    of_file = (
        ImportedFile.athlete_id == Original.athlete_id,
        ImportedFile.digest == Original.digest,
        ImportedFile.deleted_activity_id == _ACTIVITY_ID,
    )
    return select(Original.id).where(*of_file)


def restore() -> Executable:
    """Forget that `activity` was deleted, so that a sync or an import may bring it back."""
    return delete(DeletedActivity).where(DeletedActivity.id == _ACTIVITY_ID)


@cache
def among() -> Executable:
    """Select those of the `strava_ids` that `athlete` deleted here, as Strava's or a file's.

    Files of Strava's export name the activities that they are of.
    """
    ids = any_(bindparam("strava_ids", type_=ARRAY(BigInteger)))
    of_strava = select(DeletedActivity.strava_id).where(
        DeletedActivity.athlete_id == _ATHLETE_ID, DeletedActivity.strava_id == ids
    )
    of_files = select(ImportedFile.strava_id).where(
        ImportedFile.athlete_id == _ATHLETE_ID,
        ImportedFile.deleted_activity_id.is_not(None),
        ImportedFile.strava_id == ids,
    )
    return union(of_strava, of_files)


def forget_strava_data() -> Executable:
    """Delete what is left of Strava's activities that `athlete` deleted here."""
    return delete(DeletedActivity).where(
        DeletedActivity.athlete_id == _ATHLETE_ID, DeletedActivity.strava_id.is_not(None)
    )
