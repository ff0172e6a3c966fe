"""Archives of all data of an athlete: their rows, and the room that their files take."""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Executable,
    Float,
    Integer,
    Text,
    any_,
    bindparam,
    case,
    delete,
    exists,
    func,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert

from db.models import ACTIVE, Export, Job
from db.statements.athletes import account
from db.statements.interval import seconds

_ATHLETE_ID = bindparam("athlete", type_=BigInteger)
_JOB_ID = bindparam("job_id", type_=BigInteger)
_EXPORT_ID = bindparam("export", type_=BigInteger)
_SIZE = bindparam("size", type_=BigInteger)


def begin() -> Executable:
    """Make the row of `job_id`, or find it; returns `id` and `is_there`: it was whole before.

    Also: `athlete`, `token`, `server_url`.
    """
    made = insert(Export).values(
        athlete_id=_ATHLETE_ID,
        job_id=_JOB_ID,
        token=bindparam("token", type_=Text),
        server_url=bindparam("server_url", type_=Text),
    )
    size = case((is_there(), Export.size_bytes), else_=0)
    return made.on_conflict_do_update(
        index_elements=[Export.job_id],
        set_={
            "size_bytes": size,
            "ready_at": case((is_there(), Export.ready_at)),
            "expires_at": case((is_there(), Export.expires_at)),
        },
    ).returning(Export.id, func.coalesce(is_there(), False).label("is_there"))


def grow() -> Executable:
    """Note that the file of `export` has `size` bytes; returns its id, nothing if it was deleted."""
    return (
        update(Export).where(Export.id == _EXPORT_ID).values(size_bytes=_SIZE).returning(Export.id)
    )


def room_taken() -> Executable:
    """Select the bytes of all files."""
    return select(func.coalesce(func.sum(Export.size_bytes), 0))


def finish() -> Executable:
    """Note that `export` is whole, with `size` bytes, and lives `lifetime_s`; returns its id."""
    return (
        update(Export)
        .where(Export.id == _EXPORT_ID)
        .values(
            size_bytes=_SIZE,
            ready_at=func.now(),
            expires_at=func.now() + seconds(bindparam("lifetime_s", type_=Float)),
        )
        .returning(Export.id)
    )


def remove_others() -> Executable:
    """Delete the archives of `athlete` except `export`; returns their ids."""
    mine = Export.athlete_id == _ATHLETE_ID
    return delete(Export).where(mine, Export.id != _EXPORT_ID).returning(Export.id)


def remove_of_athlete() -> Executable:
    """Delete all archives of `athlete`; returns their ids."""
    return delete(Export).where(Export.athlete_id == _ATHLETE_ID).returning(Export.id)


def find() -> Executable:
    """Select the archive that `token` may download.

    `id`, `athlete_id`, its `account_id`, `ready_at`.
    """
    mine = Export.token == bindparam("token", type_=Text)
    account_id = account.id_of(Export.athlete_id)
    return select(Export.id, Export.athlete_id, account_id, Export.ready_at).where(mine, is_there())


def is_there() -> ColumnElement[bool]:
    """Condition that an archive can be downloaded."""
    return Export.expires_at > func.now()


def remove_expired() -> Executable:
    """Delete at most `most` archives that expired, or that no active job makes any more."""
    is_made = exists().where(Job.id == Export.job_id, Job.status.in_(ACTIVE))
    given_up = Export.ready_at.is_(None) & ~is_made
    over = (Export.expires_at <= func.now()) | given_up
    old = select(Export.id).where(over).limit(bindparam("most", type_=Integer))
    return delete(Export).where(Export.id.in_(old))


def existing() -> Executable:
    """Select those of the ids `exports` that there are."""
    ids = bindparam("exports", type_=ARRAY(BigInteger))
    return select(Export.id).where(Export.id == any_(ids))
