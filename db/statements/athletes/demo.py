"""The demo of `pacegraph run`: its API tokens, and the end of all that the simulated Strava made."""

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    DateTime,
    Executable,
    LargeBinary,
    Text,
    and_,
    bindparam,
    delete,
    func,
    or_,
    select,
    update,
)
from sqlalchemy.orm import aliased

from db.models import Account, ApiToken, Athlete, StravaConnection

ATHLETE_TOKEN, ADMIN_TOKEN = "demo athlete", "demo admin"
"""Names of the API tokens."""


def renew_token() -> Executable:
    """Let the token with the SHA-256 `hash` work until `until`, unless it was revoked."""
    return (
        update(ApiToken)
        .where(
            ApiToken.secret_sha256 == bindparam("hash", type_=LargeBinary),
            ApiToken.revoked_at.is_(None),
        )
        .values(expires_at=bindparam("until", type_=DateTime(timezone=True)))
    )


def outdated_tokens() -> Executable:
    """Select the working tokens of `account_id` with `name` and another SHA-256 than `hash`.

    They were derived from another SECRET_KEY.
    """
    return select(ApiToken.id).where(
        ApiToken.account_id == bindparam("account_id", type_=BigInteger),
        ApiToken.name == bindparam("name", type_=Text),
        ApiToken.secret_sha256 != bindparam("hash", type_=LargeBinary),
        ApiToken.revoked_at.is_(None),
    )


def count_tokens() -> Executable:
    """Count the tokens named `name`, revoked ones too."""
    return select(func.count()).where(ApiToken.name == bindparam("name", type_=Text))


def working_tokens() -> Executable:
    """Select the ids of the demo's tokens that work, under any SECRET_KEY.

    Athletes choose names too, so the administrator's is known by its account, which has no athlete,
    and the athlete's counts only beside it.
    """
    other, account_of_other = aliased(ApiToken), aliased(Account)
    is_beside_the_admins = (
        select(other.id)
        .join(account_of_other, account_of_other.id == other.account_id)
        .where(_is_the_admins(other, account_of_other))
        .exists()
    )
    return (
        select(ApiToken.id)
        .join(Account, Account.id == ApiToken.account_id)
        .where(
            ApiToken.revoked_at.is_(None),
            or_(ApiToken.expires_at.is_(None), ApiToken.expires_at > func.now()),
            or_(
                _is_the_admins(ApiToken, Account),
                and_(ApiToken.name == ATHLETE_TOKEN, is_beside_the_admins),
            ),
        )
    )


def _is_the_admins(token: type[ApiToken], account: type[Account]) -> ColumnElement[bool]:
    return and_(token.name == ADMIN_TOKEN, account.is_admin, account.athlete_id.is_(None))


def count_connections() -> Executable:
    """Count the athletes that are connected to Strava."""
    return select(func.count()).select_from(StravaConnection)


def revoke_tokens() -> Executable:
    """Revoke all API tokens."""
    return update(ApiToken).where(ApiToken.revoked_at.is_(None)).values(revoked_at=func.now())


def end_sessions() -> Executable:
    """End all sessions of all accounts."""
    return update(Account).values(session_epoch=Account.session_epoch + 1)


def disconnect() -> Executable:
    """Delete all connections to Strava, so that a real athlete of the same id is another one."""
    return delete(StravaConnection)


def stop_sharing() -> Executable:
    """Withdraw the consent of all athletes, so that none is shown to others."""
    return (
        update(Athlete)
        .where(Athlete.shares | Athlete.shares_age_grades)
        .values(shares=False, shares_age_grades=False)
    )
