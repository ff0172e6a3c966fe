"""Ends the connections of a command that runs in this process, at chosen moments.

An administrator, a restart and a failover do the same to a command.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
from sqlalchemy import Connection, Engine, event

COMMIT = "COMMIT"


@contextmanager
def connections_ended(url: str, is_moment: Callable[[str, int], bool]) -> Iterator[list[str]]:
    """End the connection at each moment. Yields the statements before which one was ended.

    `is_moment` is given a statement that comes next, and its number in its transaction, from 1. The
    commit counts as a statement.
    """
    ended: list[str] = []
    number = 0

    def begin(_: Connection) -> None:
        nonlocal number
        number = 0

    def execute(connection: Connection, _cursor, statement: str, *_: object) -> None:
        nonlocal number
        number += 1
        if is_moment(statement, number):
            ended.append(statement)
            pid = connection.connection.driver_connection.info.backend_pid
            killer.execute("SELECT pg_terminate_backend(%s, 10000)", (pid,))

    def commit(connection: Connection) -> None:
        execute(connection, None, COMMIT)

    listeners = {"begin": begin, "before_cursor_execute": execute, "commit": commit}
    with psycopg.connect(url, autocommit=True) as killer:
        for name, listener in listeners.items():
            event.listen(Engine, name, listener)
        try:
            yield ended
        finally:
            for name, listener in listeners.items():
                event.remove(Engine, name, listener)


def once_each_transaction(at: int) -> Callable[[str, int], bool]:
    """The moment before the `at`th statement of each transaction, or before its commit.

    The repetition of the transaction is left alone.
    """
    was_ended = is_repetition = False

    def is_moment(statement: str, number: int) -> bool:
        nonlocal was_ended, is_repetition
        if number == 1:
            is_repetition, was_ended = was_ended, False
        if is_repetition or was_ended or not (number == at or statement == COMMIT):
            return False
        was_ended = True
        return True

    return is_moment


def once_each(*parts: str) -> Callable[[str, int], bool]:
    """The moments before the first statement that contains a part, for each part."""
    left = list(parts)

    def is_moment(statement: str, _: int) -> bool:
        found = [part for part in left if part in statement]
        if found:
            left.remove(found[0])
        return bool(found)

    return is_moment
