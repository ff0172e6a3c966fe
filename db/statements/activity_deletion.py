"""Deletions of activities, and what the athlete chose for those that may come back."""

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
    func,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert

from db.models import Activity, ActivitySource, KeptChoice, Visibility

_ATHLETE_ID = bindparam("athlete", type_=BigInteger)
_STRAVA_IDS = any_(bindparam("strava_ids", type_=ARRAY(BigInteger)))


def delete_where(*conditions: ColumnElement[bool]) -> Executable:
    """Delete activities with all that is derived of them; returns their ids.

    Of those of Strava it keeps whether they were hidden or excluded, for `apply_choices`.
    """
    hidden = Activity.source_visibility.is_not(None).label("hidden")
    gone = (
        delete(Activity)
        .where(*conditions)
        .returning(Activity.id, Activity.athlete_id, Activity.strava_id, hidden, Activity.excluded)
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
    return select(gone.c.id).add_cte(kept.cte("kept"))


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
