"""Browser sessions."""

from sqlalchemy import (
    BigInteger,
    DateTime,
    Delete,
    Executable,
    and_,
    bindparam,
    delete,
    func,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert

from db.models import Account, BrowserSession
from db.statements.interval import ago

_ACCOUNT_ID = bindparam("account_id", type_=BigInteger)

_SESSION_ID = bindparam("session_id", type_=BigInteger)

_GENERATION = bindparam("cookie_generation", type_=BigInteger)

_OVERTAKEN_S = 60
"""How long a cookie still works after a newer one of its session: requests may be in flight."""

_RENEWED_EVERY_S = 60
"""Seconds between two renewals of a session. A browser that sends several requests at once gets one
renewed cookie; one that lost the answer gets another later. It is longer than an answer takes, so a
browser's newest cookie is the one of the highest generation.
"""

_SESSIONS_KEPT = 50
_KEPT_FOR_S = 600
"""How long rows outlast their sessions: versions before 0.3 write `expires_at` up to 300 s late."""

_IS_OUTDATED = and_(
    BrowserSession.generation > _GENERATION, BrowserSession.generation_since <= ago(_OVERTAKEN_S)
)
_MAY_RENEW = and_(
    BrowserSession.generation <= _GENERATION,
    or_(BrowserSession.renewed_at.is_(None), BrowserSession.renewed_at <= ago(_RENEWED_EVERY_S)),
)


def find_account() -> Executable:
    """Select the account of the session `session_id`, and what is due for its cookie.

    Also checks `account_id` and `session_epoch`. `cookie_generation` is the cookie's. `is_newest`:
    it is newer than all that came back so far, so that `record_generation` is due. `is_outdated`: a
    newer one came back too long ago. `may_renew`: a renewed cookie may be given out.
    """
    return (
        select(
            Account.id,
            Account.athlete_id,
            Account.is_admin,
            BrowserSession.created_at.label("signed_in_at"),
            (BrowserSession.generation < _GENERATION).label("is_newest"),
            _IS_OUTDATED.label("is_outdated"),
            _MAY_RENEW.label("may_renew"),
        )
        .join(Account, Account.id == BrowserSession.account_id)
        .where(
            BrowserSession.id == _SESSION_ID,
            Account.id == _ACCOUNT_ID,
            Account.session_epoch == bindparam("session_epoch", type_=BigInteger),
        )
    )


def record_generation() -> Executable:
    """Record that `cookie_generation` of `session_id` came back; older ones soon expire."""
    return (
        update(BrowserSession)
        .where(BrowserSession.id == _SESSION_ID, BrowserSession.generation < _GENERATION)
        .values(generation=_GENERATION, generation_since=func.now())
    )


def begin() -> Executable:
    """Create a session of `account_id` that expires at `session_expires_at`; returns its id."""
    expires_at = bindparam("session_expires_at", type_=DateTime(timezone=True))
    return (
        insert(BrowserSession)
        .values(account_id=_ACCOUNT_ID, expires_at=expires_at)
        .returning(BrowserSession.id)
    )


def renew() -> Executable:
    """Renew the session `session_id`, which then lasts to `session_expires_at` at least.

    Returns the generation of the renewed cookie, higher than all that were given out; nothing if
    `cookie_generation` may not be renewed now.
    """
    expires_at = bindparam("session_expires_at", type_=DateTime(timezone=True))
    issued = func.greatest(BrowserSession.issued_generation, BrowserSession.generation, _GENERATION)
    return (
        update(BrowserSession)
        .where(BrowserSession.id == _SESSION_ID, _MAY_RENEW)
        .values(
            issued_generation=issued + 1,
            renewed_at=func.now(),
            expires_at=func.greatest(BrowserSession.expires_at, expires_at),
        )
        .returning(BrowserSession.issued_generation)
    )


def end() -> Delete:
    """End the session `session_id`."""
    return delete(BrowserSession).where(BrowserSession.id == _SESSION_ID)


def end_outdated() -> Executable:
    """End the session `session_id` if `cookie_generation` is outdated."""
    return end().where(_IS_OUTDATED)


def delete_old() -> Executable:
    """Delete the expired sessions of `account_id`, and all but the newest ones."""
    kept = (
        select(BrowserSession.id)
        .where(BrowserSession.account_id == _ACCOUNT_ID)
        .order_by(BrowserSession.created_at.desc(), BrowserSession.id.desc())
        .limit(_SESSIONS_KEPT)
    )
    surplus = and_(BrowserSession.account_id == _ACCOUNT_ID, BrowserSession.id.not_in(kept))
    over = and_(
        BrowserSession.account_id == _ACCOUNT_ID,
        BrowserSession.expires_at < ago(_KEPT_FOR_S),
    )
    return delete(BrowserSession).where(or_(surplus, over))
