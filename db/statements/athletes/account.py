"""Accounts."""

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Executable,
    SQLColumnExpression,
    bindparam,
    func,
    null,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert

from db.models import Account

_ACCOUNT_ID = bindparam("account_id", type_=BigInteger)


def lock() -> Executable:
    """Select and lock the account `account_id`.

    It keeps other transactions from creating API tokens of the account at the same time.
    """
    return select(Account.id).where(Account.id == _ACCOUNT_ID).with_for_update()


def id_of(athlete_id: SQLColumnExpression[int]) -> ColumnElement[int | None]:
    """The id of an athlete's account, as `account_id`; null where there is none."""
    own = select(Account.id).where(Account.athlete_id == athlete_id)
    return own.scalar_subquery().label("account_id")


def upsert() -> Executable:
    """Create or update the account of `athlete_id`; returns `id` and `session_epoch`.

    `is_administrator` grants or withdraws administration.
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
    """Create an administrator's account without an athlete; returns its id."""
    return insert(Account).values(athlete_id=null(), is_admin=True).returning(Account.id)


def admins_without_athlete() -> Executable:
    """Select the ids of administrators' accounts without an athlete, oldest first."""
    return (
        select(Account.id)
        .where(Account.is_admin, Account.athlete_id.is_(None))
        .order_by(Account.created_at, Account.id)
    )


def end_sessions() -> Executable:
    """End all sessions of the account `account_id`, including those that start concurrently."""
    return (
        update(Account)
        .where(Account.id == _ACCOUNT_ID)
        .values(session_epoch=Account.session_epoch + 1)
    )
