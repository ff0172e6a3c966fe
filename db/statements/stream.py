"""The samples of activities, compressed (`db/stream_codec.py`)."""

from sqlalchemy import (
    BigInteger,
    Double,
    Executable,
    Integer,
    LargeBinary,
    bindparam,
    delete,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import insert

from db.models import ActivityStreams

_ACTIVITY_ID = bindparam("activity_id", type_=BigInteger)


def samples() -> Executable:
    """Select the compressed samples of `activity_id`."""
    return select(ActivityStreams.samples).where(ActivityStreams.activity_id == _ACTIVITY_ID)


def store() -> Executable:
    """Write the samples of one activity.

    Parameters: `activity_id`, `sample_count`, `samples`, `positions`, `duration_s`.
    """
    insertion = insert(ActivityStreams).values(
        activity_id=_ACTIVITY_ID,
        sample_count=bindparam("sample_count", type_=Integer),
        samples=bindparam("samples", type_=LargeBinary),
        positions=bindparam("positions", type_=LargeBinary),
        duration_s=bindparam("duration_s", type_=Double),
        is_complete=true(),
    )
    names = ("sample_count", "samples", "positions", "duration_s", "is_complete")
    return insertion.on_conflict_do_update(
        index_elements=[ActivityStreams.activity_id],
        set_={name: insertion.excluded[name] for name in names},
    )


def discard() -> Executable:
    """Delete the samples of `activity_id`."""
    return delete(ActivityStreams).where(ActivityStreams.activity_id == _ACTIVITY_ID)
