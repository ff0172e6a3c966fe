"""Accounts, their API tokens and what they say."""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    DateTime,
    Executable,
    LargeBinary,
    Text,
    bindparam,
    func,
    null,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert

from db.models import Account, ApiToken, Athlete, Feedback

_ACCOUNT_ID = bindparam("account_id", type_=BigInteger)
_USED_STALE_S = 60  # "last used" is kept to the minute, so that reads do not write


def of_session() -> Executable:
    """Select the account of the parameters `account_id` and `session_epoch`: none when its sessions were ended."""
    return select(Account.id, Account.athlete_id, Account.is_admin).where(
        Account.id == _ACCOUNT_ID, Account.session_epoch == bindparam("session_epoch", type_=BigInteger)
    )


def of_token() -> Executable:
    """Select the account and scopes of the token whose hash is the parameter `secret_sha256`, if it works now.

    `is_stale` says that its last use is to be noted (`note_token_use`).
    """
    stale = func.now() - func.make_interval(0, 0, 0, 0, 0, 0, _USED_STALE_S)
    return (
        select(
            Account.id,
            Account.athlete_id,
            Account.is_admin,
            ApiToken.id.label("token_id"),
            ApiToken.scopes,
            ApiToken.expires_at,
            or_(ApiToken.last_used_at.is_(None), ApiToken.last_used_at < stale).label("is_stale"),
        )
        .join(Account, Account.id == ApiToken.account_id)
        .where(
            ApiToken.secret_sha256 == bindparam("secret_sha256", type_=LargeBinary),
            ApiToken.revoked_at.is_(None),
            or_(ApiToken.expires_at.is_(None), ApiToken.expires_at > func.now()),
        )
    )


def note_token_use() -> Executable:
    """Note that the parameter `token_id` was used now."""
    token_id = bindparam("token_id", type_=BigInteger)
    return update(ApiToken).where(ApiToken.id == token_id).values(last_used_at=func.now())


def create_token(*, unless_there: bool = False) -> Executable:
    """Write an API token; returns its id, or nothing where it is `unless_there` and there."""
    insertion = insert(ApiToken).values(
        account_id=_ACCOUNT_ID,
        name=bindparam("name", type_=Text),
        hint=bindparam("hint", type_=Text),
        secret_sha256=bindparam("secret_sha256", type_=LargeBinary),
        scopes=bindparam("scopes", type_=ARRAY(Text)),
        expires_at=bindparam("expires_at", type_=DateTime(timezone=True)),
    )
    return (insertion.on_conflict_do_nothing() if unless_there else insertion).returning(ApiToken.id)


def revoke_token(*, of_any_account: bool = False) -> Executable:
    """Revoke the parameter `token_id` of the parameter `revoker_id` (or of anybody), for good; returns its id."""
    statement = update(ApiToken).where(ApiToken.id == bindparam("token_id", type_=BigInteger))
    if not of_any_account:
        # Not "account_id": in an UPDATE a parameter must not be named as a column.
        statement = statement.where(ApiToken.account_id == bindparam("revoker_id", type_=BigInteger))
    return statement.values(revoked_at=func.coalesce(ApiToken.revoked_at, func.now())).returning(ApiToken.id)


def create_athlete() -> Executable:
    """Write an athlete; returns the id. Parameters: `first_name`, `last_name`, `sex`, `city`, `country`."""
    columns = (Athlete.first_name, Athlete.last_name, Athlete.sex, Athlete.city, Athlete.country)
    return insert(Athlete).values({c.key: bindparam(c.key, type_=Text) for c in columns}).returning(Athlete.id)


def sign_in() -> Executable:
    """Write or update the account of the parameter `athlete_id`; returns `id`, `session_epoch`.

    `makes_admin` gives administration; what was given before stays.
    """
    insertion = insert(Account).values(
        athlete_id=bindparam("athlete_id", type_=BigInteger),
        is_admin=bindparam("makes_admin"),
        last_signed_in_at=func.now(),
    )
    return insertion.on_conflict_do_update(
        index_elements=[Account.athlete_id],
        set_={"last_signed_in_at": func.now(), "is_admin": or_(Account.is_admin, insertion.excluded.is_admin)},
    ).returning(Account.id, Account.session_epoch)


def create_admin() -> Executable:
    """Write an account that administers and is no athlete; returns its id."""
    return insert(Account).values(athlete_id=null(), is_admin=True).returning(Account.id)


def admins_without_athlete() -> Executable:
    """Select the ids of such accounts, oldest first."""
    return select(Account.id).where(Account.is_admin, Account.athlete_id.is_(None)).order_by(Account.id)


def end_sessions() -> Executable:
    """End all sessions of the parameter `account_id`."""
    return update(Account).where(Account.id == _ACCOUNT_ID).values(session_epoch=Account.session_epoch + 1)


def submit_feedback() -> Executable:
    """Write what somebody said. Parameters: `account_id` (null when signed out), `message`, `contact`."""
    return insert(Feedback).values(
        account_id=_ACCOUNT_ID, message=bindparam("message", type_=Text), contact=bindparam("contact", type_=Text)
    )
