"""Athletes' connections to Strava. Tokens are read and written encrypted (`db/encryption.py`)."""

from functools import cache

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    ColumnElement,
    DateTime,
    Executable,
    Float,
    LargeBinary,
    Select,
    Text,
    all_,
    and_,
    any_,
    bindparam,
    case,
    delete,
    exists,
    func,
    literal,
    null,
    or_,
    select,
    union,
    update,
)
from sqlalchemy.dialects.postgresql import array, insert

from db.models import ASKED_SCOPES, PROFILE_SCOPE, Athlete, StravaConnection
from db.statements.interval import seconds
from db.statements.page import AnySelect
from db.statements.strava import former_connection

_ATHLETE_ID = bindparam("athlete", type_=BigInteger)
_MINE: ColumnElement[bool] = StravaConnection.athlete_id == _ATHLETE_ID
_MOMENT = DateTime(timezone=True)
_TOKENS = (
    StravaConnection.access_token,
    StravaConnection.refresh_token,
    StravaConnection.token_expires_at,
)
_PAIR = {
    "access_token": bindparam("new_access_token", type_=LargeBinary),
    "refresh_token": bindparam("new_refresh_token", type_=LargeBinary),
    "token_expires_at": bindparam("new_expires_at", type_=_MOMENT),
}


@cache
def connect() -> Executable:
    """Create or replace an athlete's connection; returns its id.

    Parameters: `athlete`, `strava_athlete`, `granted_scopes`, `new_access_token`,
    `new_refresh_token`, `new_expires_at`. If the scopes changed, the next sync covers the whole
    history, because more of it may be visible.
    """
    strava_id = bindparam("strava_athlete", type_=BigInteger)
    insertion = insert(StravaConnection).values(
        athlete_id=_ATHLETE_ID,
        strava_athlete_id=strava_id,
        scopes=bindparam("granted_scopes", type_=ARRAY(Text)),
        **_PAIR,
    )
    new = insertion.excluded
    same_scopes = StravaConnection.scopes == new.scopes
    upsert = insertion.on_conflict_do_update(
        index_elements=[StravaConnection.athlete_id],
        set_={
            **{name: new[name] for name in ("strava_athlete_id", "scopes", *_PAIR)},
            "connected_at": func.now(),
            "refused_at": null(),
            "refreshing_until": null(),
            "history_complete_at": case((same_scopes, StravaConnection.history_complete_at)),
            "zones_read_at": case((same_scopes, StravaConnection.zones_read_at)),
        },
    )
    ended = former_connection.forget(_ATHLETE_ID, strava_id).cte("ended")
    return upsert.returning(StravaConnection.id).add_cte(ended)


def connected_athlete() -> Executable:
    """Select the athlete connected to the Strava athlete `strava_athlete_id`."""
    return select(StravaConnection.athlete_id).where(
        StravaConnection.strava_athlete_id == bindparam("strava_athlete_id", type_=BigInteger)
    )


def of_athlete() -> Executable:
    """Select what a sync needs of the connection of `athlete`, without the tokens."""
    return select(
        StravaConnection.strava_athlete_id,
        StravaConnection.scopes,
        StravaConnection.last_synced_at,
        StravaConnection.history_complete_at,
        StravaConnection.history_walked_at,
        StravaConnection.refused_at,
    ).where(_MINE)


def missing_scopes() -> ColumnElement[list[str]]:
    """The permissions that were asked for and not granted, in the order of asking."""
    asked = func.unnest(array(ASKED_SCOPES, type_=Text), type_=Text).column_valued("asked")
    missing = select(asked).where(asked != all_(StravaConnection.scopes))
    return func.array(missing.correlate(StravaConnection).scalar_subquery(), type_=ARRAY(Text))


def zones_due() -> Executable:
    """Select whether Strava's heart rate zones of `athlete` are to be read: `is_due`, `is_granted`.

    That is so where they were not asked for in the last `older_s` seconds.
    """
    read_at = StravaConnection.zones_read_at
    is_due = or_(
        read_at.is_(None), read_at < func.now() - seconds(bindparam("older_s", type_=Float))
    )
    is_granted = literal(PROFILE_SCOPE) == any_(StravaConnection.scopes)
    return select(is_due.label("is_due"), is_granted.label("is_granted")).where(_MINE)


def mark_zones_read() -> Executable:
    """Record that Strava was asked for the heart rate zones of `athlete`."""
    return update(StravaConnection).where(_MINE).values(zones_read_at=func.now())


@cache
def tokens() -> Executable:
    """Select the tokens of `athlete`, and when Strava refused them."""
    return select(*_TOKENS, StravaConnection.refused_at).where(_MINE)


@cache
def begin_refresh() -> Executable:
    """Begin the refresh of the tokens of `athlete`, for `limit_s` seconds at most.

    If the access token still is `unusable`, it has ended, even before its time: no one tries it
    again. Returns what `tokens` does and `refreshing_until`, or nothing while another refresh is
    under way.
    """
    clock = func.clock_timestamp()
    until = clock + seconds(bindparam("limit_s", type_=Float))
    column = StravaConnection.refreshing_until
    # Later than `until` is of a time before PostgreSQL's clock was set back.
    is_free = or_(column.is_(None), column < clock, column > until)
    is_unusable = StravaConnection.access_token == bindparam("unusable", type_=LargeBinary)
    expires_at = StravaConnection.token_expires_at
    ended_at = case((is_unusable, func.least(expires_at, func.now())), else_=expires_at)
    return (
        update(StravaConnection)
        .where(_MINE, is_free)
        .values(refreshing_until=until, token_expires_at=ended_at)
        .returning(*_TOKENS, StravaConnection.refused_at, column)
    )


def note_refusal() -> Executable:
    """Record that Strava permanently rejected the refresh token `spent` of `athlete`."""
    spent = StravaConnection.refresh_token == bindparam("spent", type_=LargeBinary)
    return update(StravaConnection).where(_MINE, spent).values(refused_at=func.now())


def store_tokens() -> Executable:
    """Write the token pair that a refresh returned, unless another one replaced the old pair.

    Parameters: `athlete`, the three `new_…` of `connect`, and `spent`, the old refresh token.
    """
    spent = StravaConnection.refresh_token == bindparam("spent", type_=LargeBinary)
    return update(StravaConnection).where(_MINE, spent).values(**_PAIR, refused_at=null())


def end_refresh() -> Executable:
    """End the refresh of `athlete` that `begin_refresh` let go on until `mine`."""
    mine = StravaConnection.refreshing_until == bindparam("mine", type_=_MOMENT)
    return update(StravaConnection).where(_MINE, mine).values(refreshing_until=null())


@cache
def token_samples() -> Executable:
    """Select the tokens that were encrypted last and those that were encrypted first.

    Returns at most two rows, the newest first, with `athlete_id` and both tokens.
    """
    columns = (
        StravaConnection.id,
        StravaConnection.athlete_id,
        StravaConnection.access_token,
        StravaConnection.refresh_token,
        StravaConnection.token_expires_at,
    )
    newest, oldest = (
        select(*columns).order_by(*order).limit(1).subquery()
        for order in (
            (StravaConnection.token_expires_at.desc(), StravaConnection.id.desc()),
            (StravaConnection.token_expires_at, StravaConnection.id),
        )
    )
    both = union(select(newest), select(oldest)).subquery()
    return select(both).order_by(both.c.token_expires_at.desc(), both.c.id.desc())


def tokens_after() -> Executable:
    """Select and lock the next `most` connections after the id `last_id`, with both tokens."""
    return (
        select(StravaConnection.id, StravaConnection.access_token, StravaConnection.refresh_token)
        .where(StravaConnection.id > bindparam("last_id", type_=BigInteger))
        .order_by(StravaConnection.id)
        .limit(bindparam("most", type_=BigInteger))
        .with_for_update()
    )


def forget_tokens() -> Executable:
    """Replace the tokens of the connections `ids` by the unusable `void_token`.

    The rows stay, so that an athlete connecting again finds the own data.
    """
    void = bindparam("void_token", type_=LargeBinary)
    return (
        update(StravaConnection)
        .where(StravaConnection.id == any_(bindparam("ids", type_=ARRAY(BigInteger))))
        .values(
            access_token=void,
            refresh_token=void,
            token_expires_at=func.now(),
            refused_at=func.now(),
        )
    )


@cache
def keep_connected() -> Executable:
    """Select what `athlete.lock` does, lock the athlete likewise, and keep the connection.

    It is not deleted until the transaction ends. Every transaction that writes an athlete's Strava
    data takes these locks, so nothing is written after a disconnect. Nothing is returned without a
    connection.
    """
    return keeping()


def keeping(*, only_if: ColumnElement[bool] | None = None) -> AnySelect:
    """Make what `keep_connected` selects, and locks, for a statement that does more.

    Nothing is locked where `only_if` does not hold.
    """
    locked = (
        select(Athlete.id, Athlete.sex, Athlete.birth_date)
        .where(Athlete.id == _ATHLETE_ID, *([] if only_if is None else [only_if]))
        .with_for_update(key_share=True)
        .cte("locked_athlete")
    )
    return (
        select(locked.c.sex, locked.c.birth_date)
        .join(StravaConnection, StravaConnection.athlete_id == locked.c.id)
        .with_for_update(key_share=True, read=True, of=StravaConnection)
    )


def mark_refused() -> Executable:
    """Record that Strava permanently rejected the tokens of `athlete`.

    It does not hold for an athlete who connected again since `asked_moment`.
    """
    return update(StravaConnection).where(_MINE, ~_is_newer()).values(refused_at=func.now())


@cache
def mark_synced() -> Executable:
    """Record that all data of `athlete` is in sync with Strava as of `synced_at`.

    `walked`: the sync listed the whole history.
    """
    synced_at = bindparam("synced_at", type_=_MOMENT)
    return (
        update(StravaConnection)
        .where(_MINE)
        .values(
            last_synced_at=func.greatest(StravaConnection.last_synced_at, synced_at),
            history_complete_at=func.coalesce(StravaConnection.history_complete_at, func.now()),
            history_walked_at=case(
                (bindparam("walked", type_=Boolean), synced_at),
                else_=StravaConnection.history_walked_at,
            ),
            refused_at=null(),
        )
    )


def is_newer() -> Select[bool]:
    """Select whether `athlete` connected, or connected again, since `asked_moment`."""
    return select(exists().where(_MINE, _is_newer()))


def disconnect() -> Executable:
    """Delete the connection of `athlete`, unless it is newer than `asked_moment`.

    Returns `strava_athlete_id`.
    """
    mine = delete(StravaConnection).where(_MINE, ~_is_newer())
    return mine.returning(StravaConnection.strava_athlete_id)


def begin_anew() -> Executable:
    """Have the next sync of `athlete` read everything, after the data went."""
    names = ("last_synced_at", "history_complete_at", "history_walked_at", "zones_read_at")
    return update(StravaConnection).where(_MINE).values(dict.fromkeys(names, null()))


def _is_newer() -> ColumnElement[bool]:
    connected_at = StravaConnection.connected_at
    # A time to come is from before PostgreSQL's clock was set back.
    is_past = connected_at <= func.clock_timestamp()
    return and_(connected_at > bindparam("asked_moment", type_=_MOMENT), is_past)
