"""Which reconciler leads: one at a time."""

from functools import cache

from sqlalchemy import Executable, Text, bindparam, func, select

_LEADER_LOCK = 0x70616367  # "pacg"


@cache
def lead() -> Executable:
    """Select whether this transaction may reconcile, which one at a time may."""
    return select(func.pg_try_advisory_xact_lock(_LEADER_LOCK))


@cache
def limit_lead() -> Executable:
    """Have PostgreSQL end the connection if this transaction does nothing for `lead_s` seconds.

    A limit of the connection is not enough: a pooler may drop start-up parameters.
    """
    limit = bindparam("lead_s", type_=Text) + "s"
    return select(func.set_config("idle_in_transaction_session_timeout", limit, True))
