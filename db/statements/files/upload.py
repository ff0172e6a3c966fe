"""Files on their way to an import."""

from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    DateTime,
    Executable,
    Float,
    Integer,
    any_,
    bindparam,
    delete,
    exists,
    func,
    insert,
    select,
    update,
)

from db.models import ACTIVE, Job, Upload
from db.statements.athletes import account
from db.statements.interval import seconds

_ATHLETE_ID = bindparam("athlete", type_=BigInteger)
_UPLOAD_ID = bindparam("upload", type_=BigInteger)
_JOB_ID = bindparam("job_id", type_=BigInteger)
_IDS = any_(bindparam("uploads", type_=ARRAY(BigInteger)))
_LIVE = Upload.expires_at > func.now()
_STAGED = (Upload.id, Upload.file_name, Upload.size_bytes, Upload.expires_at)
_ROOM_LOCK = 0x75706C64  # "upld"


def lock_room() -> Executable:
    """Wait for other transactions that take room for uploads, until this one ends."""
    return select(func.pg_advisory_xact_lock(_ROOM_LOCK))


def room_taken() -> Executable:
    """Select the bytes and number of all uploads: `all_bytes`, and `own_bytes` and `own_count`.

    The latter two are those of `athlete`. Expired ones count until they are deleted.
    """
    own = Upload.athlete_id == _ATHLETE_ID
    return select(
        func.coalesce(func.sum(Upload.size_bytes), 0).label("all_bytes"),
        func.coalesce(func.sum(Upload.size_bytes).filter(own), 0).label("own_bytes"),
        func.count().filter(own).label("own_count"),
    )


def create(files: list[dict[str, Any]]) -> Executable:
    """Create uploads of `athlete`, which live `lifetime_s`; returns the rows in no order.

    Each of `files` has `file_name` and `size_bytes`.
    """
    shared = {
        "athlete_id": _ATHLETE_ID,
        "expires_at": func.now() + seconds(bindparam("lifetime_s", type_=Float)),
    }
    return insert(Upload).values([{**each, **shared} for each in files]).returning(*_STAGED)


def created_with() -> Executable:
    """Select the uploads of `athlete` that one `create` made together with `upload`.

    They have the moment of its transaction in common. The columns are those of `create`. Expired
    ones are left out.
    """
    moment = select(Upload.created_at).where(Upload.id == _UPLOAD_ID).scalar_subquery()
    return select(*_STAGED).where(
        Upload.athlete_id == _ATHLETE_ID, Upload.created_at == moment, _LIVE
    )


def find() -> Executable:
    """Select the upload `upload`, and its athlete's `account_id`, unless it has expired."""
    return select(
        Upload.id,
        Upload.athlete_id,
        account.id_of(Upload.athlete_id),
        Upload.size_bytes,
        Upload.received_bytes,
        Upload.job_id,
        Upload.expires_at,
    ).where(Upload.id == _UPLOAD_ID, _LIVE)


def of_athlete() -> Executable:
    """Select those of `uploads` that `athlete` has and that have not expired, locked.

    Columns: `id`, `file_name`, `size_bytes`, `received_bytes`.
    """
    return (
        select(Upload.id, Upload.file_name, Upload.size_bytes, Upload.received_bytes)
        .where(Upload.id == _IDS, Upload.athlete_id == _ATHLETE_ID, _LIVE)
        .order_by(Upload.id)
        .with_for_update()
    )


def give_to_job() -> Executable:
    """Note that the job `job_id` reads the uploads `uploads`."""
    return update(Upload).where(Upload.id == _IDS).values(job_id=_JOB_ID)


def of_job() -> Executable:
    """Select `id`, `file_name` of those of `uploads` that `job_id` reads."""
    return select(Upload.id, Upload.file_name).where(Upload.id == _IDS, Upload.job_id == _JOB_ID)


def record_received() -> Executable:
    """Record that `received` bytes of `upload` are there."""
    return (
        update(Upload)
        .where(Upload.id == _UPLOAD_ID)
        .values(received_bytes=bindparam("received", type_=BigInteger))
    )


def begin_again() -> Executable:
    """Record that nothing of `upload` is there, unless an active job reads it; returns its id."""
    return (
        update(Upload)
        .where(Upload.id == _UPLOAD_ID, ~_in_use())
        .values(received_bytes=0)
        .returning(Upload.id)
    )


def remove() -> Executable:
    """Delete `upload` unless an active job reads it; returns its id."""
    return delete(Upload).where(Upload.id == _UPLOAD_ID, ~_in_use()).returning(Upload.id)


def remove_of_job() -> Executable:
    """Delete the uploads of `job_id`; returns their ids."""
    return delete(Upload).where(Upload.job_id == _JOB_ID).returning(Upload.id)


def lock_of_athlete() -> Executable:
    """Lock the uploads of `athlete`, so that the next statement sees which imports took them."""
    mine = Upload.athlete_id == _ATHLETE_ID
    return select(Upload.id).where(mine).order_by(Upload.id).with_for_update()


def remove_of_athlete() -> Executable:
    """Delete the uploads of `athlete` from before `asked_moment`; returns their ids.

    Those that an import reads which was asked for since stay. Lock them before (`lock_of_athlete`).
    """
    asked = bindparam("asked_moment", type_=DateTime(timezone=True))
    is_read = exists().where(
        Job.id == Upload.job_id, Job.status.in_(ACTIVE), Job.live_since > asked
    )
    mine = Upload.athlete_id == _ATHLETE_ID
    return delete(Upload).where(mine, Upload.created_at <= asked, ~is_read).returning(Upload.id)


def remove_expired() -> Executable:
    """Delete at most `most` expired uploads that no active job reads."""
    old = select(Upload.id).where(~_LIVE, ~_in_use()).limit(bindparam("most", type_=Integer))
    return delete(Upload).where(Upload.id.in_(old))


def existing() -> Executable:
    """Select those of the ids `uploads` that there are."""
    return select(Upload.id).where(Upload.id == _IDS)


def _in_use() -> ColumnElement[bool]:
    return exists().where(Job.id == Upload.job_id, Job.status.in_(ACTIVE))
