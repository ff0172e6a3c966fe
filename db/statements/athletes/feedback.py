"""Feedback from users."""

from sqlalchemy import (
    BigInteger,
    Executable,
    Float,
    Integer,
    Text,
    bindparam,
    delete,
    func,
    select,
)
from sqlalchemy.dialects.postgresql import insert

from db.models import Feedback
from db.statements.interval import ago

_ACCOUNT_ID = bindparam("account_id", type_=BigInteger)
_SENDER = bindparam("feedback_sender", type_=Text)
_DAY_S = 86_400
_ADDRESS = "address:"
_COUNT_LOCK = 0x66656564  # "feed"


def create() -> Executable:
    """Create a feedback message.

    Parameters: `account_id` (null when signed out), `message`, `contact`, `feedback_sender`.
    """
    return insert(Feedback).values(
        account_id=_ACCOUNT_ID,
        message=bindparam("message", type_=Text),
        contact=bindparam("contact", type_=Text),
        sender=_SENDER,
    )


def lock() -> Executable:
    """Wait for other transactions that count messages to add one, until this one ends."""
    return select(func.pg_advisory_xact_lock(_COUNT_LOCK))


def counts() -> Executable:
    """Select how many messages there are.

    `all`, `signed_out` of these, and `recent`: of `feedback_sender` in 24 hours.
    """
    recent = (Feedback.sender == _SENDER) & (Feedback.created_at > ago(_DAY_S))
    signed_out = Feedback.sender.startswith(_ADDRESS)
    return select(
        func.count().label("all"),
        func.count().filter(signed_out).label("signed_out"),
        func.count().filter(recent).label("recent"),
    ).select_from(Feedback)


def delete_old() -> Executable:
    """Delete at most `most` messages older than `kept_s` seconds."""
    old = (
        select(Feedback.id)
        .where(Feedback.created_at < ago(bindparam("kept_s", type_=Float)))
        .limit(bindparam("most", type_=Integer))
    )
    return delete(Feedback).where(Feedback.id.in_(old))
