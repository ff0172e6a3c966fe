"""Lets psycopg's connections keep what they have prepared, and be used again without a test.

psycopg forgets all prepared statements at each rollback, and each read ends with one: PostgreSQL
read and planned the statements of a sync again and again, a third of what a sync cost it.
"""

from time import monotonic
from typing import TYPE_CHECKING, Any

from sqlalchemy import Engine, event, exc

if TYPE_CHECKING:  # API processes use no psycopg, which takes 8 MB
    from psycopg import Connection

SURE_S = 1.0
"""Seconds after its last use for which a connection is taken to be there, without a test."""
_USED_AT = "used_at"


def keep_prepared(engine: Engine) -> None:
    """Let statements stay prepared after a rollback, unless a statement has failed."""
    engine.dialect.do_rollback = _roll_back  # type: ignore[assignment, method-assign]


def _roll_back(connection: Any) -> None:
    if not _is_rolled_back(connection):
        connection.rollback()


def _is_rolled_back(connection: "Connection[Any]") -> bool:
    """Roll back past psycopg, which would forget. False where that is for psycopg to do."""
    from psycopg.pq import ExecStatus, TransactionStatus

    driver = connection.pgconn
    if driver.transaction_status != TransactionStatus.INTRANS:
        return False
    return driver.exec_(b"ROLLBACK").status == ExecStatus.COMMAND_OK


def check_idle(engine: Engine) -> None:
    """Test a connection of the pool before its use, if it was not used for SURE_S.

    All connections are replaced where it does not answer.
    """
    from psycopg import Error

    @event.listens_for(engine, "checkin")
    def _note_use(_: Any, record: Any) -> None:
        record.info[_USED_AT] = monotonic()

    @event.listens_for(engine, "checkout")
    def _test(connection: Any, record: Any, _: Any) -> None:
        used_at = record.info.get(_USED_AT)  # none where it was made just now
        if used_at is None or monotonic() - used_at < SURE_S:
            return
        try:
            engine.dialect.do_ping(connection)
        except Error as error:
            raise exc.InvalidatePoolError from error
