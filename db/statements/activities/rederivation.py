"""What is written when activities are derived from their originals again."""

from collections.abc import Sequence
from functools import cache

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Executable,
    Integer,
    LargeBinary,
    and_,
    any_,
    bindparam,
    delete,
    func,
    select,
    update,
)

from db.models import (
    Activity,
    ActivityHeartRates,
    ActivityLap,
    ActivityRoute,
    ActivitySplit,
    ActivityStreams,
    ImportedFile,
    Original,
)
from db.statements.edited import unless_edited

_ATHLETE_ID = bindparam("athlete", type_=BigInteger)
_ACTIVITY_ID = bindparam("activity", type_=BigInteger)
_OUTDATED = Original.rules_version < bindparam("rules_version", type_=Integer)
_PARTS = (ActivityStreams, ActivitySplit, ActivityHeartRates, ActivityRoute, ActivityLap)


def athletes() -> Executable:
    """Select the athletes with originals that were read by rules before `rules_version`."""
    return select(Original.athlete_id).where(_OUTDATED).distinct().order_by(Original.athlete_id)


def outdated() -> Executable:
    """Select at most `most` ids above `after_id` of `athlete`'s originals read before `rules_version`."""
    after = Original.id > bindparam("after_id", type_=BigInteger)
    return (
        select(Original.id)
        .where(Original.athlete_id == _ATHLETE_ID, _OUTDATED, after)
        .order_by(Original.id)
        .limit(bindparam("most", type_=Integer))
    )


def forget_versions() -> Executable:
    """Let all originals count as read by older rules; those of `athlete`, if it is not null."""
    everybody = _ATHLETE_ID.is_(None)
    return (
        update(Original)
        .where((Original.athlete_id == _ATHLETE_ID) | everybody)
        .values(rules_version=0)
    )


def mark_read() -> Executable:
    """Note that `originals` were read by `rules_version`."""
    ids = bindparam("originals", type_=ARRAY(BigInteger))
    version = bindparam("rules_version", type_=Integer)
    return update(Original).where(Original.id == any_(ids)).values(rules_version=version)


@cache
def activities() -> Executable:
    """Select `place`, `id` and `timezone` of the activities that `athlete` has of a file's `digest`."""
    return (
        select(ImportedFile.place, Activity.id, Activity.timezone)
        .join(
            Activity,
            and_(
                Activity.id == ImportedFile.activity_id,
                Activity.athlete_id == ImportedFile.athlete_id,
            ),
        )
        .where(
            ImportedFile.athlete_id == _ATHLETE_ID,
            ImportedFile.digest == bindparam("digest", type_=LargeBinary),
        )
    )


@cache
def rewrite(names: Sequence[str]) -> Executable:
    """Write the columns `names` of `activity` (parameters `new_…`), but for what the athlete edited."""
    columns = {name: getattr(Activity, name) for name in names}
    values = {
        name: unless_edited(Activity, column, bindparam(f"new_{name}", type_=column.type))
        for name, column in columns.items()
    }
    return (
        update(Activity).where(Activity.id == _ACTIVITY_ID).values(**values, updated_at=func.now())
    )


@cache
def forget_parts() -> tuple[Executable, ...]:
    """Make the statements that delete samples, splits, heart rates, route and laps of `activity`.

    It is `athlete`'s.
    """
    return tuple(
        delete(each).where(each.athlete_id == _ATHLETE_ID, each.activity_id == _ACTIVITY_ID)
        for each in _PARTS
    )
