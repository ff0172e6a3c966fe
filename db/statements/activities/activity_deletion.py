"""Deletions of activities, and what the athlete chose for those that may come back."""

from collections.abc import Iterable
from functools import cache
from typing import Any

from sqlalchemy import (
    ARRAY,
    CTE,
    BigInteger,
    ColumnElement,
    Executable,
    Text,
    all_,
    and_,
    any_,
    bindparam,
    case,
    cast,
    delete,
    false,
    func,
    literal,
    or_,
    select,
    true,
    union_all,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB, insert

from db.models import (
    Activity,
    ActivitySource,
    BestEffort,
    Gear,
    KeptChoice,
    RecordingChoice,
    Visibility,
)
from db.statements.activities.activity_edit import FOLLOWING_SOURCE

_ATHLETE_ID = bindparam("athlete", type_=BigInteger)
_NOTES = Activity.notes.key
_NONE = literal({}, JSONB)
_STRAVA_IDS = any_(bindparam("strava_ids", type_=ARRAY(BigInteger)))


def delete_where(*conditions: ColumnElement[bool]) -> Executable:
    """Delete activities with all that is derived of them; returns rows for `gone_and_left`.

    Of those of Strava it keeps what the athlete chose, for `apply_choices`.
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
            Activity.recording_choice,
            _excluded_efforts().label("excluded_efforts"),
            _edits().label("edits"),
            Activity.run_id.expression.label("run_id"),
        )
        .cte("gone")
    )
    insertion = insert(KeptChoice).from_select(
        [each.name for each in _kept(gone)],
        select(*_kept(gone)).where(gone.c.strava_id.is_not(None), _is_chosen(gone.c)),
    )
    new = insertion.excluded
    # What is left of an earlier time waits for efforts that were not derived since.
    efforts = KeptChoice.excluded_efforts.op("||")(new.excluded_efforts)
    kept = insertion.on_conflict_do_update(
        index_elements=[KeptChoice.athlete_id, KeptChoice.strava_id],
        set_={
            **{name: new[name] for name in ("hidden", "excluded", "recording_choice", "edits")},
            "excluded_efforts": efforts,
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


def _kept(gone: CTE) -> list[Any]:
    names = ("athlete_id", "strava_id", "hidden", "excluded", "recording_choice")
    return [gone.c[name] for name in (*names, "excluded_efforts", "edits")]


def _is_chosen(rows: Any) -> ColumnElement[bool]:
    return or_(
        rows.hidden,
        rows.excluded,
        rows.recording_choice != RecordingChoice.BY_RULES.value,
        rows.excluded_efforts != literal([], ARRAY(Text)),
        rows.edits != literal({}, JSONB),
    )


def _excluded_efforts() -> ColumnElement[Any]:
    """The distances of an activity's efforts that were excluded one by one."""
    found = select(BestEffort.distance).where(
        BestEffort.activity_id == Activity.id,
        BestEffort.athlete_id == Activity.athlete_id,
        BestEffort.excluded,
    )
    return func.array(found.correlate(Activity).scalar_subquery(), type_=ARRAY(Text))


def _edits() -> ColumnElement[Any]:
    """The columns of an activity that the athlete changed, with their values."""
    names = (*sorted(FOLLOWING_SOURCE), _NOTES)
    pairs = [part for name in names for part in (name, getattr(Activity, name))]
    column = func.jsonb_each(func.jsonb_build_object(*pairs)).table_valued("key", "value")
    is_edited = or_(
        column.c.key == any_(Activity.edited),
        and_(column.c.key == _NOTES, Activity.notes.is_not(None)),
    )
    found = func.jsonb_object_agg(column.c.key, column.c.value)
    edits = select(func.coalesce(found, literal({}, JSONB), type_=JSONB)).where(is_edited)
    return edits.correlate(Activity).scalar_subquery()


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


def apply_choices() -> tuple[Executable, ...]:
    """Make the statements that give what was chosen back to those of `strava_ids` of `athlete`.

    Run them in the transaction that brings them back. Efforts are derived later:
    `apply_excluded_efforts`.
    """
    kept = (KeptChoice.athlete_id == _ATHLETE_ID, KeptChoice.strava_id == _STRAVA_IDS)
    only_me = Visibility.ONLY_ME.value
    at_source = Activity.visibility_at_source.expression
    is_chosen = KeptChoice.recording_choice != RecordingChoice.BY_RULES.value
    edits = func.jsonb_object_keys(KeptChoice.edits).column_valued("name")
    names = select(edits).where(edits != _NOTES).correlate(KeptChoice).scalar_subquery()
    edited = Activity.edited.op("||")(func.array(names, type_=ARRAY(Text)))
    applied = (
        update(Activity)
        .where(
            *kept,
            Activity.athlete_id == KeptChoice.athlete_id,
            Activity.strava_id == KeptChoice.strava_id,
            or_(KeptChoice.hidden, KeptChoice.excluded, is_chosen, KeptChoice.edits != _NONE),
        )
        .values(
            excluded=or_(Activity.excluded, KeptChoice.excluded),
            visibility=case((KeptChoice.hidden, only_me), else_=Activity.visibility),
            source_visibility=case(
                (KeptChoice.hidden, at_source), else_=Activity.source_visibility
            ),
            recording_choice=case(
                (is_chosen, KeptChoice.recording_choice), else_=Activity.recording_choice
            ),
            edited=edited,
            **{name: _as_edited(name) for name in (*FOLLOWING_SOURCE, _NOTES)},
        )
    )
    nothing_left = KeptChoice.excluded_efforts == literal([], ARRAY(Text))
    forget = update(KeptChoice).values(
        hidden=False,
        excluded=False,
        recording_choice=RecordingChoice.BY_RULES.value,
        edits=_NONE,
    )
    return applied, delete(KeptChoice).where(*kept, nothing_left), forget.where(*kept)


def _as_edited(name: str) -> ColumnElement[Any]:
    """The value of a column as the athlete changed it, else as it is."""
    column = getattr(Activity, name)
    text = KeptChoice.edits[name].astext
    value: ColumnElement[Any] = cast(text, column.type)
    if name == Activity.gear_id.key:  # it may be gone
        mine = (Gear.id == value, Gear.athlete_id == Activity.athlete_id)
        value = select(Gear.id).where(*mine).correlate(Activity, KeptChoice).scalar_subquery()
    return case((KeptChoice.edits.has_key(name), value), else_=column)


def keep_exclusions(*conditions: ColumnElement[bool]) -> Executable:
    """Keep which efforts among those that go are excluded, for `apply_excluded_efforts`.

    Their activities stay: a run may be a ride for a while, or shorter. Those from files have no
    source that changes them so.
    """
    distances = func.array_agg(BestEffort.distance, type_=ARRAY(Text))
    of_these = (
        Activity.id == BestEffort.activity_id,
        Activity.athlete_id == BestEffort.athlete_id,
        Activity.strava_id.is_not(None),
    )
    rows = (
        select(Activity.athlete_id, Activity.strava_id, false(), false(), distances)
        .where(BestEffort.excluded, *of_these, *conditions)
        .group_by(Activity.athlete_id, Activity.strava_id)
    )
    names = ("athlete_id", "strava_id", "hidden", "excluded", "excluded_efforts")
    insertion = insert(KeptChoice).from_select(names, rows)
    efforts = KeptChoice.excluded_efforts.op("||")(insertion.excluded.excluded_efforts)
    return insertion.on_conflict_do_update(
        index_elements=[KeptChoice.athlete_id, KeptChoice.strava_id],
        set_={"excluded_efforts": efforts, "kept_at": func.now()},
    )


@cache
def apply_excluded_efforts() -> tuple[Executable, ...]:
    """Make the statements that exclude efforts of `activities` as they were when these went.

    Run them in the transaction that derives their efforts. What is excluded again is no longer
    kept: the athlete may restore it.
    """
    of_these = (
        Activity.id == any_(bindparam("activities", type_=ARRAY(BigInteger))),
        KeptChoice.athlete_id == Activity.athlete_id,
        KeptChoice.strava_id == Activity.strava_id,
    )
    exclude = (
        update(BestEffort)
        .values(excluded=True)
        .where(
            *of_these,
            BestEffort.activity_id == Activity.id,
            BestEffort.athlete_id == Activity.athlete_id,
            BestEffort.distance == any_(KeptChoice.excluded_efforts),
        )
    )
    kept = func.unnest(KeptChoice.excluded_efforts, type_=Text).column_valued("kept")
    found = select(BestEffort.distance).where(
        BestEffort.activity_id == Activity.id, BestEffort.athlete_id == Activity.athlete_id
    )
    there = func.array(found.correlate(Activity).scalar_subquery(), type_=ARRAY(Text))
    left = select(kept).where(kept != all_(there)).correlate(KeptChoice, Activity)
    forget = (
        update(KeptChoice)
        .values(excluded_efforts=func.array(left.scalar_subquery(), type_=ARRAY(Text)))
        .where(*of_these, KeptChoice.excluded_efforts.op("&&")(there))
    )
    nothing_left = KeptChoice.excluded_efforts == literal([], ARRAY(Text))
    return exclude, forget, delete(KeptChoice).where(*of_these, nothing_left)
