"""Activities that were read from files."""

from functools import cache

from sqlalchemy import (
    ARRAY,
    BigInteger,
    DateTime,
    Executable,
    LargeBinary,
    Text,
    and_,
    any_,
    bindparam,
    exists,
    func,
    literal_column,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import aggregate_order_by

from db.models import Activity, Gear, ImportedFile, Original
from db.statements.edited import is_edited, unless_edited
from db.statements.new_rows import given_rows

_ATHLETE_ID = bindparam("athlete", type_=BigInteger)
_NOTHING = literal_column("''::bytea", LargeBinary)


@cache
def find() -> Executable:
    """Select what `athlete` has of the files with the `digests`, in order of places.

    That is `digest`, `place`, `activity_id`, and of the activity `name`, `sport_type` and `gear`,
    the name of its gear, and `gear_at_source`, what the gear's source calls it if not so. All these
    are null where the athlete deleted the activity. `name_is_edited` and `gear_is_edited`: the
    athlete changed it here.
    """
    columns = (
        ImportedFile.digest,
        ImportedFile.place,
        ImportedFile.activity_id,
        Activity.name,
        Activity.sport_type,
        Gear.name.label("gear"),
        Gear.source_name.label("gear_at_source"),
        is_edited(Activity, Activity.name).label("name_is_edited"),
        is_edited(Activity, Activity.gear_id).label("gear_is_edited"),
    )
    digests = bindparam("digests", type_=ARRAY(LargeBinary))
    return (
        select(*columns)
        .outerjoin(
            Activity,
            and_(
                Activity.id == ImportedFile.activity_id,
                Activity.athlete_id == ImportedFile.athlete_id,
            ),
        )
        .outerjoin(Gear, and_(Gear.id == Activity.gear_id, Gear.athlete_id == Activity.athlete_id))
        .order_by(ImportedFile.place)
        .where(ImportedFile.athlete_id == _ATHLETE_ID, ImportedFile.digest == any_(digests))
    )


@cache
def whole() -> Executable:
    """Select the files of which `athlete` has all activities: a row of `is_kept`, and one of others.

    `digests` are theirs, in order, joined. `is_kept`: the original is kept, or all its activities
    were deleted.
    """
    original = exists().where(
        Original.athlete_id == ImportedFile.athlete_id, Original.digest == ImportedFile.digest
    )
    is_deleted = func.bool_and(ImportedFile.activity_id.is_(None))
    file = (
        select(ImportedFile.digest, or_(original, is_deleted).label("is_kept"))
        .where(ImportedFile.athlete_id == _ATHLETE_ID)
        .group_by(ImportedFile.athlete_id, ImportedFile.digest)
        .having(func.count() == func.max(ImportedFile.of_file))
        .subquery("file")
    )
    # An aggregate's order stands after its last argument.
    nothing = aggregate_order_by(_NOTHING, file.c.digest)
    joined = func.string_agg(file.c.digest, nothing, type_=LargeBinary)
    return select(file.c.is_kept, joined.label("digests")).group_by(file.c.is_kept)


def change() -> Executable:
    """Give `activity` the name `new_name` and the gear `new_gear`; null leaves what it has."""
    return (
        update(Activity)
        .where(Activity.id == bindparam("activity", type_=BigInteger))
        .values(
            name=unless_edited(
                Activity,
                Activity.name,
                func.coalesce(bindparam("new_name", type_=Text), Activity.name),
            ),
            gear_id=unless_edited(
                Activity,
                Activity.gear_id,
                func.coalesce(bindparam("new_gear", type_=BigInteger), Activity.gear_id),
            ),
            updated_at=func.now(),
        )
    )


def tell_strava_ids() -> Executable:
    """Note Strava ids that the list of an export tells of known files, in `rows` of `values_of`.

    A row has `athlete_id`, `digest` and `strava_id`.
    """
    given = given_rows(ImportedFile, ("athlete_id", "digest", "strava_id"))
    return (
        update(ImportedFile)
        .where(
            ImportedFile.athlete_id == given.c.athlete_id,
            ImportedFile.digest == given.c.digest,
            ImportedFile.activity_id.is_not(None),
            ImportedFile.strava_id.is_(None),
        )
        .values(strava_id=given.c.strava_id)
    )


def nearest_zone() -> Executable:
    """Select the named time zone of `athlete`'s activity that began nearest to `at`.

    Activities with a fixed offset tell no place: they count only where there are no others.
    """
    began = bindparam("at", type_=DateTime(timezone=True))
    is_fixed = or_(Activity.timezone.startswith("Etc/"), Activity.timezone == "UTC")
    distance_s = func.abs(func.extract("epoch", Activity.started_at - began))
    return (
        select(Activity.timezone)
        .where(Activity.athlete_id == _ATHLETE_ID)
        .order_by(is_fixed, distance_s, Activity.id)
        .limit(1)
    )
