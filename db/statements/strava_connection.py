"""Athletes' connections to Strava. Tokens go in and out as ciphertext (`db/encryption.py`)."""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    DateTime,
    Executable,
    LargeBinary,
    Text,
    bindparam,
    case,
    delete,
    func,
    null,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert

from db.models import StravaConnection

_ATHLETE_ID = bindparam("athlete", type_=BigInteger)
_MINE: ColumnElement[bool] = StravaConnection.athlete_id == _ATHLETE_ID
_MOMENT = DateTime(timezone=True)
_PAIR = {
    "access_token": bindparam("new_access_token", type_=LargeBinary),
    "refresh_token": bindparam("new_refresh_token", type_=LargeBinary),
    "token_expires_at": bindparam("new_expires_at", type_=_MOMENT),
}


def connect() -> Executable:
    """Write what an athlete granted, in place of an older grant; returns the id.

    Parameters: `athlete`, `strava_athlete`, `granted_scopes`, `new_access_token`, `new_refresh_token`,
    `new_expires_at`. Where the scopes changed, the whole history is to be walked again: it may show more.
    """
    insertion = insert(StravaConnection).values(
        athlete_id=_ATHLETE_ID,
        strava_athlete_id=bindparam("strava_athlete", type_=BigInteger),
        scopes=bindparam("granted_scopes", type_=ARRAY(Text)),
        **_PAIR,
    )
    new = insertion.excluded
    same_scopes = StravaConnection.scopes == new.scopes
    return insertion.on_conflict_do_update(
        index_elements=[StravaConnection.athlete_id],
        set_={
            **{name: new[name] for name in ("strava_athlete_id", "scopes", *_PAIR)},
            "connected_at": func.now(),
            "refused_at": null(),
            "history_complete_at": case((same_scopes, StravaConnection.history_complete_at)),
        },
    ).returning(StravaConnection.id)


def connected_athlete() -> Executable:
    """Select the athlete connected to the parameter `strava_athlete_id`."""
    return select(StravaConnection.athlete_id).where(
        StravaConnection.strava_athlete_id == bindparam("strava_athlete_id", type_=BigInteger)
    )


def of_athlete() -> Executable:
    """Select what a sync needs to know of the connection of `athlete`; no tokens."""
    return select(
        StravaConnection.strava_athlete_id,
        StravaConnection.scopes,
        StravaConnection.last_synced_at,
        StravaConnection.history_complete_at,
        StravaConnection.refused_at,
    ).where(_MINE)


def tokens(*, lock: bool = False) -> Executable:
    """Select the tokens of `athlete`; with `lock` nobody else reads them so until the transaction ends."""
    statement = select(
        StravaConnection.access_token, StravaConnection.refresh_token, StravaConnection.token_expires_at
    ).where(_MINE)
    return statement.with_for_update() if lock else statement


def store_tokens() -> Executable:
    """Write the pair that a refresh brought. Parameters: `athlete` and those of the pair as `connect` has them."""
    return update(StravaConnection).where(_MINE).values(**_PAIR)


def keep_connected() -> Executable:
    """Select the connection's id and keep it from being deleted until the transaction ends.

    Whoever writes an athlete's Strava data does so under this lock, so that nothing is written after a disconnection.
    """
    return select(StravaConnection.id).where(_MINE).with_for_update(key_share=True, read=True)


def mark_refused() -> Executable:
    """Note that Strava refused the tokens of `athlete` for good."""
    return update(StravaConnection).where(_MINE).values(refused_at=func.now())


def mark_synced() -> Executable:
    """Note that `athlete` is in step with Strava as of `synced_at`, the whole history included."""
    synced_at = bindparam("synced_at", type_=_MOMENT)
    return (
        update(StravaConnection)
        .where(_MINE)
        .values(
            last_synced_at=func.greatest(StravaConnection.last_synced_at, synced_at),
            history_complete_at=func.coalesce(StravaConnection.history_complete_at, func.now()),
            refused_at=null(),
        )
    )


def disconnect() -> Executable:
    """Delete the connection of `athlete`; returns its id."""
    return delete(StravaConnection).where(_MINE).returning(StravaConnection.id)
