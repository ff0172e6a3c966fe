"""Deletions of activities, and what the athlete chose for those that may come back."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Executable,
    any_,
    bindparam,
    case,
    delete,
    false,
    func,
    or_,
    select,
    true,
    union_all,
    update,
)
from sqlalchemy.dialects.postgresql import insert

from db.models import Activity, ActivitySource, KeptChoice, Visibility

_ATHLETE_ID = bindparam("athlete", type_=BigInteger)
_STRAVA_IDS = any_(bindparam("strava_ids", type_=ARRAY(BigInteger)))


def delete_where(*conditions: ColumnElement[bool]) -> Executable:
    """Delete activities with all that is derived of them; returns rows for `gone_and_left`.

    Of those of Strava it keeps whether they were hidden or excluded, for `apply_choices`.
    """
    hidden = Activity.source_visibility.is_not(None).label("hidden")
    gone = (
        delete(Activity)
        .where(*conditions)
        .returning(
            Activity.id,
            Activity.athlete_id,
            Activity.strava_id,
            hidden,
            Activity.excluded,
            Activity.run_id.expression.label("run_id"),
        )
        .cte("gone")
    )
    chosen: list[Any] = [gone.c.athlete_id, gone.c.strava_id, gone.c.hidden, gone.c.excluded]
    insertion = insert(KeptChoice).from_select(
        [each.name for each in chosen],
        select(*chosen).where(gone.c.strava_id.is_not(None), or_(gone.c.hidden, gone.c.excluded)),
    )
    kept = insertion.on_conflict_do_update(
        index_elements=[KeptChoice.athlete_id, KeptChoice.strava_id],
        set_={
            "hidden": insertion.excluded.hidden,
            "excluded": insertion.excluded.excluded,
            "kept_at": func.now(),
        },
    )
    # This sees the rows as they were: afterwards nothing tells of which run the others were.
    left = select(Activity.id, false().label("is_gone")).where(
        Activity.id.not_in(select(gone.c.id))
    )
    runs = select(gone.c.run_id)
    found = union_all(
        select(gone.c.id, true().label("is_gone")),
        # apart, so that each has its index
        left.where(Activity.id.in_(runs)),
        left.where(Activity.duplicate_of_id.in_(runs)),
    )
    return found.add_cte(kept.cte("kept"))


def gone_and_left(rows: Iterable[Any]) -> tuple[list[int], list[int]]:
    """Split rows of `delete_where`: ids of activities that are gone, and of their runs' others.

    The others changed too: the one that counts for its run may be another now.
    """
    found = list(rows)
    gone = [row.id for row in found if row.is_gone]
    return gone, [row.id for row in found if not row.is_gone]


def delete_by_strava_id() -> Executable:
    """Delete the activities of `athlete` with the Strava ids `strava_ids`, as `delete_where`."""
    return delete_where(Activity.athlete_id == _ATHLETE_ID, Activity.strava_id == _STRAVA_IDS)


def delete_strava_data() -> tuple[Executable, ...]:
    """Make the statements that delete all Strava activities of `athlete` and what was chosen.

    The first is as `delete_where`.
    """
    of_strava = Activity.source == ActivitySource.STRAVA
    return (
        delete_where(Activity.athlete_id == _ATHLETE_ID, of_strava),
        delete(KeptChoice).where(KeptChoice.athlete_id == _ATHLETE_ID),
    )


def apply_choices() -> Executable:
    """Hide and exclude those of `strava_ids` of `athlete` that were so when they were deleted.

    Run it in the transaction that brings them back.
    """
    taken = (
        delete(KeptChoice)
        .where(KeptChoice.athlete_id == _ATHLETE_ID, KeptChoice.strava_id == _STRAVA_IDS)
        .returning(KeptChoice.strava_id, KeptChoice.hidden, KeptChoice.excluded)
        .cte("taken")
    )
    only_me = Visibility.ONLY_ME.value
    at_source = Activity.visibility_at_source.expression
    return (
        update(Activity)
        .where(Activity.athlete_id == _ATHLETE_ID, Activity.strava_id == taken.c.strava_id)
        .values(
            excluded=or_(Activity.excluded, taken.c.excluded),
            visibility=case((taken.c.hidden, only_me), else_=Activity.visibility),
            source_visibility=case((taken.c.hidden, at_source), else_=Activity.source_visibility),
        )
    )
