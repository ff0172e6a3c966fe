"""Completed sign-ins with Strava: each works once."""

from sqlalchemy import (
    Executable,
    Float,
    LargeBinary,
    bindparam,
    delete,
)
from sqlalchemy.dialects.postgresql import insert

from db.models import UsedSignIn
from db.statements.interval import ago


def use() -> Executable:
    """Record the completed sign-in with the hash `state_sha256`; returns nothing if it exists."""
    state = bindparam("state_sha256", type_=LargeBinary)
    insertion = insert(UsedSignIn).values(state_sha256=state)
    return insertion.on_conflict_do_nothing().returning(UsedSignIn.state_sha256)


def delete_used() -> Executable:
    """Delete sign-ins completed more than `lifetime_s` ago, because their cookies have expired."""
    return delete(UsedSignIn).where(UsedSignIn.used_at < ago(bindparam("lifetime_s", type_=Float)))
