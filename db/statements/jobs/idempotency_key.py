"""Keys by which mutations recognize a repeated request."""

from sqlalchemy import (
    BigInteger,
    Executable,
    Float,
    Integer,
    LargeBinary,
    Text,
    bindparam,
    delete,
    select,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import insert

from db.models import IdempotencyKey
from db.statements.interval import ago

_THIS_KEY = (
    IdempotencyKey.caller == bindparam("key_caller", type_=Text),
    IdempotencyKey.key == bindparam("idempotency_key", type_=Text),
)
_EXPIRED = IdempotencyKey.created_at < ago(bindparam("lifetime_s", type_=Float))


def delete_if_expired() -> Executable:
    """Delete `idempotency_key` of `key_caller` if it is older than `lifetime_s` seconds."""
    return delete(IdempotencyKey).where(*_THIS_KEY, _EXPIRED)


def take() -> Executable:
    """Insert a key; returns it, or nothing if the caller has used it. First `delete_if_expired`.

    Waits for the transaction that is using it. Parameters: `key_caller`, `idempotency_key`,
    `request_fingerprint`.
    """
    return (
        insert(IdempotencyKey)
        .values(
            caller=bindparam("key_caller", type_=Text),
            key=bindparam("idempotency_key", type_=Text),
            fingerprint=bindparam("request_fingerprint", type_=LargeBinary),
        )
        .on_conflict_do_nothing()
        .returning(IdempotencyKey.key)
    )


def find() -> Executable:
    """Select `fingerprint`, `job_id` and `result_id` of `idempotency_key` of `key_caller`."""
    columns = (IdempotencyKey.fingerprint, IdempotencyKey.job_id, IdempotencyKey.result_id)
    return select(*columns).where(*_THIS_KEY)


def record() -> Executable:
    """Record what the mutation made: `made_job_id` and `made_id`, of which one may be null."""
    return (
        update(IdempotencyKey)
        .where(*_THIS_KEY)
        .values(
            job_id=bindparam("made_job_id", type_=BigInteger),
            result_id=bindparam("made_id", type_=BigInteger),
        )
    )


def sweep_expired() -> Executable:
    """Delete at most `most` keys older than `lifetime_s` seconds."""
    identity = (IdempotencyKey.caller, IdempotencyKey.key)
    expired = (
        select(*identity)
        .where(_EXPIRED)
        .limit(bindparam("most", type_=Integer))
        .with_for_update(skip_locked=True)
    )
    return delete(IdempotencyKey).where(tuple_(*identity).in_(expired))
