"""Commits statements of which each is a transaction of its own, by psycopg itself.

SQLAlchemy makes their text, once, and keeps the connections. Its own way from a statement to a row
takes as long as psycopg's, which a sync goes once a run.
"""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from sqlalchemy import Engine, Executable, exc


class LoneStatements:
    """Executes statements on the connections of an engine of psycopg.

    Their functions return the same object each time (`functools.cache`).
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._written: Callable[[Executable], _LoneStatement] = cache(self._write)

    def first(self, statement: Executable, values: Mapping[str, Any]) -> Any:
        """Execute and commit a statement that returns rows; returns the first one, or None.

        Raises SQLAlchemy's errors.
        """
        from psycopg import Error
        from psycopg.rows import namedtuple_row

        text, given = self._written(statement).with_values(values)
        try:
            pooled = self._engine.raw_connection()
            driver: Any = pooled.driver_connection
            try:
                driver.autocommit = True
                row = driver.cursor(row_factory=namedtuple_row).execute(text, given).fetchone()
                driver.autocommit = False
            except BaseException as error:
                pooled.invalidate(error)
                raise
            finally:
                pooled.close()
        except Error as error:  # also of a connection that could not be made
            raise exc.DBAPIError.instance(None, None, error, Error) from error
        return row

    def _write(self, statement: Any) -> "_LoneStatement":
        compiled = statement.compile(dialect=self._engine.dialect)
        return _LoneStatement(str(compiled), dict(compiled.params), compiled._bind_processors)  # noqa: SLF001


class _LoneStatement:
    """A statement's text, its own values, and what makes the driver's values of those given."""

    def __init__(
        self, text: str, own: dict[str, Any], processors: Mapping[str, Callable[[Any], Any]]
    ) -> None:
        self._text, self._own, self._processors = text, own, processors

    def with_values(self, values: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
        given = {**self._own, **values}
        for name, process in self._processors.items():
            given[name] = process(given[name])
        return self._text, given
