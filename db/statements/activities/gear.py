"""Gear: what athletes have, how far they ran in it, and what a sync writes."""

from functools import cache
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    ColumnElement,
    Double,
    Executable,
    Integer,
    Text,
    bindparam,
    case,
    delete,
    exists,
    false,
    func,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import aliased

from db.models import Activity, ActivitySource, Gear
from db.statements.edited import is_edited, unless_edited, with_names
from db.statements.interval import seconds
from db.statements.performance.training_summary import summed
from db.statements.visibility import is_public

_ATHLETE_ID = bindparam("athlete", type_=BigInteger)
MOST_OF_ATHLETE = 100
"""What an athlete is shown, and may add. Strava may tell of more."""
_RETIRED_TIMES = 4
"""How many times as long retired gear is not asked for."""


def distance_m(*, to_others: bool = False) -> ColumnElement[float]:
    """The distance of the activities with the gear, each run once.

    To others, of the public ones.
    """
    run = func.coalesce(Activity.duplicate_of_id, Activity.id)
    runs = (
        select(func.max(Activity.distance_m).label("meters"))
        .where(Activity.gear_id == Gear.id, Activity.athlete_id == Gear.athlete_id)
        .group_by(run)
        .correlate(Gear)
    )
    if to_others:
        runs = runs.where(is_public())
    of_runs = runs.subquery()
    return func.coalesce(select(summed(of_runs.c.meters)).scalar_subquery(), 0.0)


def ensure() -> Executable:
    """Create gear of `athlete` with the Strava ids `strava_ids` that is not there yet."""
    ids = func.unnest(bindparam("strava_ids", type_=ARRAY(Text)))
    rows = select(_ATHLETE_ID, ids)
    return insert(Gear).from_select(["athlete_id", "strava_id"], rows).on_conflict_do_nothing()


def by_strava_ids() -> Executable:
    """Select `id` and `strava_id` of the gear of `athlete` that Strava told."""
    return select(Gear.id, Gear.strava_id).where(
        Gear.athlete_id == _ATHLETE_ID, Gear.strava_id.is_not(None)
    )


@cache
def by_names() -> Executable:
    """Select `id` and `told` of the gear of `athlete` named in `names`, lower case; Strava's first.

    `told` is that name, in lower case: the gear's, or its source's where the athlete gave another.
    """
    names = bindparam("names", type_=ARRAY(Text))
    told = func.unnest(names, type_=Text).column_valued("told")
    return (
        select(Gear.id, told)
        .where(Gear.athlete_id == _ATHLETE_ID, _is_named(Gear, told))
        .order_by(Gear.strava_id.is_(None), Gear.id)
    )


def add_named() -> Executable:
    """Create gear of `athlete` with the `names`, which no source but files told.

    Lock the athlete.
    """
    names = func.unnest(bindparam("names", type_=ARRAY(Text)))
    return insert(Gear).from_select(["athlete_id", "name"], select(_ATHLETE_ID, names))


def pass_on_edits() -> tuple[Executable, ...]:
    """Copy edits of `athlete` (name, retired) from gear of files to Strava's gear of the same name.

    The namesake is what `use_stravas` replaces, so that what the athlete said goes over to Strava's.
    """
    of_file = aliased(Gear)
    return (
        _pass_on(of_file, Gear.retired, {"retired": of_file.retired}),
        _pass_on(of_file, Gear.name, {"name": of_file.name, "source_name": Gear.name}),
    )


def _pass_on(of_file: Any, column: Any, values: dict[str, Any]) -> Executable:
    return (
        update(Gear)
        .where(
            of_file.athlete_id == _ATHLETE_ID,
            of_file.strava_id.is_(None),
            is_edited(of_file, column),
            ~is_edited(Gear, column),
            *_same_name(of_file, Gear),
        )
        .values(**values, edited=func.array_append(Gear.edited, column.key))
    )


def count() -> Executable:
    """Count the gear of `athlete`."""
    return select(func.count()).select_from(Gear).where(Gear.athlete_id == _ATHLETE_ID)


def create() -> Executable:
    """Create gear of `athlete` with the name `new_name`; returns its id."""
    return (
        insert(Gear)
        .values(athlete_id=_ATHLETE_ID, name=bindparam("new_name", type_=Text))
        .returning(Gear.id)
    )


def owner_of() -> Executable:
    """Select `athlete_id` and `strava_id` of `gear`."""
    return select(Gear.athlete_id, Gear.strava_id).where(
        Gear.id == bindparam("gear", type_=BigInteger)
    )


def others_named() -> Executable:
    """Select the gear of `athlete` other than `gear` that is named `new_name`, ignoring case.

    Here or by its source.
    """
    return select(Gear.id).where(
        Gear.athlete_id == _ATHLETE_ID,
        _is_named(Gear, func.lower(bindparam("new_name", type_=Text))),
        Gear.id.is_distinct_from(bindparam("gear", type_=BigInteger)),
    )


def edit(values: dict[str, Any]) -> Executable:
    """Set `values` (column → value) of `changed_gear_id` as its athlete says.

    The name before the first new one stays as `source_name`: files go on naming the gear so.
    """
    kept = {"source_name": func.coalesce(Gear.source_name, Gear.name)} if "name" in values else {}
    return (
        update(Gear)
        .where(Gear.id == bindparam("changed_gear_id", type_=BigInteger))
        .values(**values, **kept, edited=with_names(Gear.edited, values))
    )


def replace() -> Executable:
    """Give activities with `gear` the gear `new_gear`, null for none, as their athlete says.

    Returns their ids.
    """
    return (
        update(Activity)
        .where(Activity.gear_id == bindparam("gear", type_=BigInteger))
        .values(
            gear_id=bindparam("new_gear", type_=BigInteger),
            edited=with_names(Activity.edited, [Activity.gear_id.key]),
        )
        .returning(Activity.id)
    )


def remove() -> Executable:
    """Delete `gear`."""
    return delete(Gear).where(Gear.id == bindparam("gear", type_=BigInteger))


def use_stravas() -> Executable:
    """Give activities of `athlete` Strava's gear in place of gear from files with the same name.

    Returns their ids.
    """
    of_file, of_strava = aliased(Gear), aliased(Gear)
    same = (
        select(func.min(of_strava.id))
        .where(*_same_name(of_file, of_strava))
        .correlate(of_file)
        .scalar_subquery()
    )
    return (
        update(Activity)
        .where(
            Activity.gear_id == of_file.id,
            of_file.athlete_id == _ATHLETE_ID,
            of_file.strava_id.is_(None),
            exists().where(*_same_name(of_file, of_strava)),
        )
        .values(gear_id=same)
        .returning(Activity.id)
    )


def discard_replaced() -> Executable:
    """Delete the gear of `athlete` from files that `use_stravas` replaced."""
    of_strava = aliased(Gear)
    return delete(Gear).where(
        Gear.athlete_id == _ATHLETE_ID,
        Gear.strava_id.is_(None),
        exists().where(*_same_name(Gear, of_strava)),
    )


def _same_name(of_file: Any, of_strava: Any) -> tuple[ColumnElement[bool], ...]:
    return (
        of_strava.athlete_id == of_file.athlete_id,
        of_strava.strava_id.is_not(None),
        _is_named(of_strava, func.lower(of_file.name))
        | _is_named(of_strava, func.lower(of_file.source_name)),
    )


def _is_named(rows: Any, name: ColumnElement[str]) -> ColumnElement[bool]:
    """Whether gear has `name`, in lower case, here or from its source."""
    return or_(func.lower(rows.name) == name, func.lower(rows.source_name) == name)


def due() -> Executable:
    """Select at most `row_limit` pieces of gear of `athlete` that Strava is to be asked for.

    Their name is not known, or they were asked for more than `older_s` ago; if they are retired and
    no run since then has them, more than four times as long ago.
    """
    older_s = bindparam("older_s", type_=Double)
    is_old = Gear.asked_at < func.now() - seconds(older_s)
    is_very_old = Gear.asked_at < func.now() - seconds(_RETIRED_TIMES * older_s)
    is_used = exists().where(Activity.gear_id == Gear.id, Activity.started_at > Gear.asked_at)
    return (
        select(Gear.id, Gear.strava_id)
        .where(
            Gear.athlete_id == _ATHLETE_ID,
            Gear.strava_id.is_not(None),
            or_(Gear.asked_at.is_(None), is_old & (~Gear.retired | is_used), is_very_old),
        )
        .order_by(Gear.asked_at.nulls_first(), Gear.id)
        .limit(bindparam("row_limit", type_=Integer))
    )


def write_told() -> Executable:
    """Write what Strava tells of the gear `gear_strava_id` of `athlete`.

    Parameters also: `new_name` (null: the known one stays), `new_distance_m`, `new_retired` (null:
    not told), and `asked`: whether it was asked. Returns whether `name`, `retired` or the distance
    is another than before, or nothing if nothing was written. Lock the athlete.
    """
    before = aliased(Gear)
    shown = (Gear.name, Gear.retired, Gear.stated_distance_m)
    told_retired = func.coalesce(bindparam("new_retired", type_=Boolean), Gear.retired)
    retired = unless_edited(Gear, Gear.retired, told_retired)
    new_name = bindparam("new_name", type_=Text)
    name = unless_edited(Gear, Gear.name, func.coalesce(new_name, Gear.name))
    told_name = func.coalesce(new_name, Gear.source_name)
    source_name = case((is_edited(Gear, Gear.name), told_name), else_=Gear.source_name)
    distance = func.coalesce(bindparam("new_distance_m", type_=Double), Gear.stated_distance_m)
    asked = bindparam("asked", type_=Boolean)
    return (
        update(Gear)
        .where(
            Gear.athlete_id == _ATHLETE_ID,
            Gear.strava_id == bindparam("gear_strava_id", type_=Text),
            before.id == Gear.id,
            or_(
                asked,
                name.is_distinct_from(Gear.name),
                source_name.is_distinct_from(Gear.source_name),
                distance.is_distinct_from(Gear.stated_distance_m),
                retired.is_distinct_from(Gear.retired),
            ),
        )
        .values(
            name=name,
            source_name=source_name,
            stated_distance_m=distance,
            retired=retired,
            asked_at=case((asked, func.now()), else_=Gear.asked_at),
        )
        .returning(or_(*(each.is_distinct_from(getattr(before, each.key)) for each in shown)))
    )


def keep_gear_of_files() -> Executable:
    """Turn Strava's gear of `athlete` that activities of files use into gear of files.

    Its id at Strava and what Strava told of it are forgotten.
    """
    return (
        update(Gear)
        .where(
            Gear.athlete_id == _ATHLETE_ID,
            Gear.strava_id.is_not(None),
            exists().where(
                Activity.gear_id == Gear.id, Activity.source == ActivitySource.FILE.value
            ),
        )
        .values(
            strava_id=None,
            stated_distance_m=None,
            asked_at=None,
            retired=unless_edited(Gear, Gear.retired, false()),
        )
    )


def delete_strava_gear() -> Executable:
    """Delete what Strava told of the gear of `athlete`."""
    return delete(Gear).where(Gear.athlete_id == _ATHLETE_ID, Gear.strava_id.is_not(None))
