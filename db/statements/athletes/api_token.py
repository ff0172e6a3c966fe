"""API tokens."""

from sqlalchemy import (
    ARRAY,
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
from sqlalchemy.dialects.postgresql import insert

from db.models import Account, ApiToken
from db.statements.interval import ago

_ACCOUNT_ID = bindparam("account_id", type_=BigInteger)

_TOKEN_ID = bindparam("token_id", type_=BigInteger)

_USED_STALE_S = 60  # "last used" is accurate to the minute, so that most reads do not write

_ENDED_TOKENS_KEPT = 50


def find_account() -> Executable:
    """Select the account and scopes of the valid token with the hash `secret_sha256`.

    `is_stale` says that `record_use` is due. The time that the index lookup takes reveals something
    about the hash only, and a caller cannot choose secrets by a prefix of their hash.
    """
    return (
        select(
            Account.id,
            Account.athlete_id,
            Account.is_admin,
            ApiToken.id.label("token_id"),
            ApiToken.scopes,
            ApiToken.expires_at,
            or_(ApiToken.last_used_at.is_(None), ApiToken.last_used_at < ago(_USED_STALE_S)).label(
                "is_stale"
            ),
        )
        .join(Account, Account.id == ApiToken.account_id)
        .where(
            ApiToken.secret_sha256 == bindparam("secret_sha256", type_=LargeBinary),
            _works(),
        )
    )


def _works() -> ColumnElement[bool]:
    return and_(
        ApiToken.revoked_at.is_(None),
        or_(ApiToken.expires_at.is_(None), ApiToken.expires_at > func.now()),
    )


def record_use() -> Executable:
    """Set the last use of `token_id` to now."""
    return update(ApiToken).where(ApiToken.id == _TOKEN_ID).values(last_used_at=func.now())


def create(*, unless_there: bool = False) -> Executable:
    """Create an API token; returns its id.

    With `unless_there`, returns nothing if the token already exists. `made_with_id` is the token
    that creates it, None for a session.
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
    return (insertion.on_conflict_do_nothing() if unless_there else insertion).returning(
        ApiToken.id
    )


def lock_account() -> Executable:
    """Select and lock the account that owns `token_id`.

    It keeps other transactions from creating tokens with a token that is being revoked.
    """
    account_id = select(ApiToken.account_id).where(ApiToken.id == _TOKEN_ID).scalar_subquery()
    return select(Account.id).where(Account.id == account_id).with_for_update()


def working() -> Executable:
    """Select `token_id` if the token is valid now."""
    return select(ApiToken.id).where(ApiToken.id == _TOKEN_ID, _works())


def count_working() -> Executable:
    """Count the valid tokens of the account `account_id`."""
    return (
        select(func.count())
        .select_from(ApiToken)
        .where(ApiToken.account_id == _ACCOUNT_ID, _works())
    )


def delete_ended() -> Executable:
    """Delete the invalid tokens of the account `account_id`, except for the newest ones."""
    ended = and_(ApiToken.account_id == _ACCOUNT_ID, ~_works())
    kept = (
        select(ApiToken.id)
        .where(ended)
        .order_by(ApiToken.created_at.desc(), ApiToken.id.desc())
        .limit(_ENDED_TOKENS_KEPT)
    )
    return delete(ApiToken).where(ended, ApiToken.id.not_in(kept))


def revoke(*, of_any_account: bool = False) -> Executable:
    """Permanently revoke `token_id` and the tokens created with it; returns their ids.

    The token must belong to the account `revoker_id`, unless `of_any_account`. A token that was
    revoked before keeps its time of revocation.
    """
    revoked = select(ApiToken.id).where(ApiToken.id == _TOKEN_ID)
    if not of_any_account:
        # Not "account_id": in an UPDATE a parameter must not have the name of a column.
        revoked = revoked.where(ApiToken.account_id == bindparam("revoker_id", type_=BigInteger))
    family = revoked.cte("family", recursive=True)
    # UNION, not UNION ALL: it ends even if the rows contain a cycle.
    family = family.union(select(ApiToken.id).join(family, ApiToken.made_with_id == family.c.id))
    return (
        update(ApiToken)
        .where(ApiToken.id.in_(select(family.c.id)))
        .values(revoked_at=func.coalesce(ApiToken.revoked_at, func.now()))
        .returning(ApiToken.id)
    )
