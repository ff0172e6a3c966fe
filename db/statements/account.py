"""Accounts, the sessions of their browsers, their API tokens and what they say."""

from datetime import datetime

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    DateTime,
    Executable,
    Float,
    LargeBinary,
    Text,
    and_,
    bindparam,
    delete,
    func,
    null,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert

from db.models import Account, ApiToken, Athlete, BrowserSession, Feedback, UsedSignIn

_ACCOUNT_ID = bindparam("account_id", type_=BigInteger)
_TOKEN_ID = bindparam("token_id", type_=BigInteger)
_USED_STALE_S = 60  # "last used" is kept to the minute, so that reads do not write


_SESSION_ID = bindparam("session_id", type_=BigInteger)
_OVERTAKEN_S = 60
"""How long a cookie works once a newer one of its session came back: requests sent before are still on their way."""
_PROLONGED_EVERY_S = 300
_SESSIONS_KEPT = 50
_ENDED_TOKENS_KEPT = 50


def of_session(*, of_any_generation: bool = False) -> Executable:
    """Select the account of the parameters `session_id`, `account_id`, `session_epoch`; none when the session ended.

    Nor when `cookie_generation` was overtaken, unless it is `of_any_generation`. `is_newest` says that the cookie is
    newer than those that came back so far (`note_generation`).
    """
    generation = bindparam("cookie_generation", type_=BigInteger)
    statement = (
        select(
            Account.id,
            Account.athlete_id,
            Account.is_admin,
            (generation > BrowserSession.generation).label("is_newest"),
        )
        .join(Account, Account.id == BrowserSession.account_id)
        .where(
            BrowserSession.id == _SESSION_ID,
            Account.id == _ACCOUNT_ID,
            Account.session_epoch == bindparam("session_epoch", type_=BigInteger),
        )
    )
    if of_any_generation:
        return statement
    just_overtaken = BrowserSession.generation_since > _ago(_OVERTAKEN_S)
    return statement.where(or_(generation >= BrowserSession.generation, just_overtaken))


def note_generation() -> Executable:
    """Note that the cookie of the parameter `cookie_generation` of `session_id` came back; older ones soon end."""
    generation = bindparam("cookie_generation", type_=BigInteger)
    return (
        update(BrowserSession)
        .where(BrowserSession.id == _SESSION_ID, BrowserSession.generation < generation)
        .values(generation=generation, generation_since=func.now())
    )


def begin_session() -> Executable:
    """Write a session of the parameter `account_id` that lasts until `session_expires_at`; returns its id."""
    expires_at = bindparam("session_expires_at", type_=DateTime(timezone=True))
    return insert(BrowserSession).values(account_id=_ACCOUNT_ID, expires_at=expires_at).returning(BrowserSession.id)


def prolong_session() -> Executable:
    """Let the session of the parameter `session_id` last until `session_expires_at`, for a cookie of then.

    Written once in a while, for some clients never take the newer cookie; `drop_old_sessions` allows for that.
    """
    expires_at = bindparam("session_expires_at", type_=DateTime(timezone=True))
    is_written = BrowserSession.expires_at < expires_at - func.make_interval(0, 0, 0, 0, 0, 0, _PROLONGED_EVERY_S)
    return update(BrowserSession).where(BrowserSession.id == _SESSION_ID, is_written).values(expires_at=expires_at)


def end_session() -> Executable:
    """End the session of the parameter `session_id`."""
    return delete(BrowserSession).where(BrowserSession.id == _SESSION_ID)


def drop_old_sessions() -> Executable:
    """Delete what is over, and all but the newest sessions of the parameter `account_id`."""
    kept = (
        select(BrowserSession.id)
        .where(BrowserSession.account_id == _ACCOUNT_ID)
        .order_by(BrowserSession.id.desc())
        .limit(_SESSIONS_KEPT)
    )
    surplus = and_(BrowserSession.account_id == _ACCOUNT_ID, BrowserSession.id.not_in(kept))
    over = and_(BrowserSession.account_id == _ACCOUNT_ID, BrowserSession.expires_at < _ago(2 * _PROLONGED_EVERY_S))
    return delete(BrowserSession).where(or_(surplus, over))


def use_sign_in() -> Executable:
    """Note that the sign-in whose state has the parameter `state_sha256` came back; returns nothing the second time."""
    state = bindparam("state_sha256", type_=LargeBinary)
    insertion = insert(UsedSignIn).values(state_sha256=state)
    return insertion.on_conflict_do_nothing().returning(UsedSignIn.state_sha256)


def forget_used_sign_ins() -> Executable:
    """Delete those that came back longer than the parameter `lifetime_s` ago: their cookies are over."""
    return delete(UsedSignIn).where(UsedSignIn.used_at < _ago(bindparam("lifetime_s", type_=Float)))


def _ago(seconds: float | ColumnElement[float]) -> ColumnElement[datetime]:
    return func.now() - func.make_interval(0, 0, 0, 0, 0, 0, seconds)


def of_token() -> Executable:
    """Select the account and scopes of the token whose hash is the parameter `secret_sha256`, if it works now.

    `is_stale` says that its last use is to be noted (`note_token_use`). How long the index takes to compare tells
    about the hash alone, and nobody can choose secrets by the beginning of their hash to learn more of one.
    """
    return (
        select(
            Account.id,
            Account.athlete_id,
            Account.is_admin,
            ApiToken.id.label("token_id"),
            ApiToken.scopes,
            ApiToken.expires_at,
            or_(ApiToken.last_used_at.is_(None), ApiToken.last_used_at < _ago(_USED_STALE_S)).label("is_stale"),
        )
        .join(Account, Account.id == ApiToken.account_id)
        .where(
            ApiToken.secret_sha256 == bindparam("secret_sha256", type_=LargeBinary),
            _works(),
        )
    )


def _works() -> ColumnElement[bool]:
    return and_(ApiToken.revoked_at.is_(None), or_(ApiToken.expires_at.is_(None), ApiToken.expires_at > func.now()))


def note_token_use() -> Executable:
    """Note that the parameter `token_id` was used now."""
    return update(ApiToken).where(ApiToken.id == _TOKEN_ID).values(last_used_at=func.now())


def create_token(*, unless_there: bool = False) -> Executable:
    """Write an API token; returns its id, or nothing where it is `unless_there` and there.

    `made_with_id` is the token that makes it, None where none does.
    """
    insertion = insert(ApiToken).values(
        account_id=_ACCOUNT_ID,
        name=bindparam("name", type_=Text),
        hint=bindparam("hint", type_=Text),
        secret_sha256=bindparam("secret_sha256", type_=LargeBinary),
        scopes=bindparam("scopes", type_=ARRAY(Text)),
        expires_at=bindparam("expires_at", type_=DateTime(timezone=True)),
        made_with_id=bindparam("made_with_id", None, type_=BigInteger),
    )
    return (insertion.on_conflict_do_nothing() if unless_there else insertion).returning(ApiToken.id)


def hold_account() -> Executable:
    """Select the parameter `account_id`, so that nobody else makes tokens of it before this transaction's end."""
    return select(Account.id).where(Account.id == _ACCOUNT_ID).with_for_update()


def hold_account_of_token() -> Executable:
    """As `hold_account`, the account of the parameter `token_id`: nothing is made with a token while it is revoked."""
    account_id = select(ApiToken.account_id).where(ApiToken.id == _TOKEN_ID).scalar_subquery()
    return select(Account.id).where(Account.id == account_id).with_for_update()


def working_token() -> Executable:
    """Select the parameter `token_id`, if it works now."""
    return select(ApiToken.id).where(ApiToken.id == _TOKEN_ID, _works())


def count_tokens() -> Executable:
    """Count the tokens of the parameter `account_id` that work now."""
    return select(func.count()).select_from(ApiToken).where(ApiToken.account_id == _ACCOUNT_ID, _works())


def drop_ended_tokens() -> Executable:
    """Delete all but the newest tokens of the parameter `account_id` that work no more."""
    ended = and_(ApiToken.account_id == _ACCOUNT_ID, ~_works())
    kept = select(ApiToken.id).where(ended).order_by(ApiToken.id.desc()).limit(_ENDED_TOKENS_KEPT)
    return delete(ApiToken).where(ended, ApiToken.id.not_in(kept))


def revoke_token(*, of_any_account: bool = False) -> Executable:
    """Revoke the parameter `token_id` of the parameter `revoker_id` (or of anybody), and what it made, for good.

    Returns the ids; a token that was revoked before keeps its moment.
    """
    revoked = select(ApiToken.id).where(ApiToken.id == _TOKEN_ID)
    if not of_any_account:
        # Not "account_id": in an UPDATE a parameter must not be named as a column.
        revoked = revoked.where(ApiToken.account_id == bindparam("revoker_id", type_=BigInteger))
    family = revoked.cte("family", recursive=True)
    # UNION, not UNION ALL: it ends whatever the rows say.
    family = family.union(select(ApiToken.id).join(family, ApiToken.made_with_id == family.c.id))
    return (
        update(ApiToken)
        .where(ApiToken.id.in_(select(family.c.id)))
        .values(revoked_at=func.coalesce(ApiToken.revoked_at, func.now()))
        .returning(ApiToken.id)
    )


def create_athlete() -> Executable:
    """Write an athlete; returns the id. Parameters: `first_name`, `last_name`, `sex`, `city`, `country`."""
    columns = (Athlete.first_name, Athlete.last_name, Athlete.sex, Athlete.city, Athlete.country)
    return insert(Athlete).values({c.key: bindparam(c.key, type_=Text) for c in columns}).returning(Athlete.id)


def sign_in() -> Executable:
    """Write or update the account of the parameter `athlete_id`; returns `id`, `session_epoch`.

    `is_administrator` gives administration, or takes it back.
    """
    insertion = insert(Account).values(
        athlete_id=bindparam("athlete_id", type_=BigInteger),
        is_admin=bindparam("is_administrator"),
        last_signed_in_at=func.now(),
    )
    return insertion.on_conflict_do_update(
        index_elements=[Account.athlete_id],
        set_={"last_signed_in_at": func.now(), "is_admin": insertion.excluded.is_admin},
    ).returning(Account.id, Account.session_epoch)


def create_admin() -> Executable:
    """Write an account that administers and is no athlete; returns its id."""
    return insert(Account).values(athlete_id=null(), is_admin=True).returning(Account.id)


def admins_without_athlete() -> Executable:
    """Select the ids of such accounts, oldest first."""
    return select(Account.id).where(Account.is_admin, Account.athlete_id.is_(None)).order_by(Account.id)


def end_sessions() -> Executable:
    """End all sessions of the parameter `account_id`, those too that begin at this moment elsewhere."""
    return update(Account).where(Account.id == _ACCOUNT_ID).values(session_epoch=Account.session_epoch + 1)


def submit_feedback() -> Executable:
    """Write what somebody said. Parameters: `account_id` (null when signed out), `message`, `contact`."""
    return insert(Feedback).values(
        account_id=_ACCOUNT_ID, message=bindparam("message", type_=Text), contact=bindparam("contact", type_=Text)
    )
